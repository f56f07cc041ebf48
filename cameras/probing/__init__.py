"""Testing a camera's connection: its box opens the stream and tells what comes, or why nothing does."""
