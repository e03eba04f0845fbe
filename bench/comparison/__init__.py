"""What `bench/compare` is made of: servers, scenarios, judges (tools that load), and the tables."""
