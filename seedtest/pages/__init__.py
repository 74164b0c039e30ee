"""Pages outside the admin: what a monitor or a person without a login may see."""
