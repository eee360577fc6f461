"""Property tests: rules that hold in every order of events."""
