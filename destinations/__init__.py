"""The destinations that come with Doorstep: one folder each, all with the same file names. README.md says how to write one.

A destination imports `doorstep.engine.sdk` and third-party packages, never another destination; nothing imports this package: the
catalogue finds its folders by name. A folder whose name begins with `_` is no destination.
"""
