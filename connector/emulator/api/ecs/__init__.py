"""Amazon ECS, as far as ECS Exec needs it: clusters, services, tasks and their containers."""
