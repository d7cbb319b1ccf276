"""What people see: templates, our style sheet and modules, and how views become HTML."""

from modelmon.pages.rendering import render

__all__ = ["render"]
