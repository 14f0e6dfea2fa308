# SPDX-License-Identifier: Apache-2.0
"""Errors of using the package in a way that cannot work."""


class DiskCacheError(Exception):
    """Problem, cause and cure in one line."""
