"""The engine: finds, classifies and explains where a message landed. It knows mail, and nothing of Django."""
