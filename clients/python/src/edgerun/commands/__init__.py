"""What the command ``edgerun`` does. Each module adds one subcommand."""
