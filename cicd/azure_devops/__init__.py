"""What a project's pipelines need in Azure DevOps and no YAML file can give them: made, and verified, from one list.

`wanted` is the list, `requirements` what can be looked at and made of it; the other modules are the kinds of that.
"""
