"""What a test leaves behind: nothing. And what may never happen on a loop's thread: a wait."""
