"""IAM Identity Center: OIDC tokens, the access portal, the sign-in pages."""
