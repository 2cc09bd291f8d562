"""Django's admin as this project uses it: base classes for the pages of all apps."""
