"""The portal's backend: the set-up, the pages, and what a screen needs in one request. May join across domains."""
