"""Amazon SageMaker's domains, spaces and apps, as far as remote access needs them."""
