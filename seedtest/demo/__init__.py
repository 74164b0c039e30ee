"""The embedded mail world of `make demo`: providers, mailboxes, an SMTP door and a broker, all on loopback."""
