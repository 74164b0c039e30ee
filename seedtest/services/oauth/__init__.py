"""OAuth 2 for mailboxes: a provider's endpoints and our client there, tokens, and what goes wrong with them."""
