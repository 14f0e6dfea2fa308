# SPDX-License-Identifier: Apache-2.0
"""What goes wrong when the package is used in a way that cannot work."""


class DiskCacheError(Exception):
    """Problem, cause and cure in one line."""
