"""For Python under Wine 8 only: hides a Windows function that Wine does not have.

``shutil.copy2`` then copies in the way it does on older systems, instead of ending the process.
"""

import _winapi

if hasattr(_winapi, "CopyFile2"):
    del _winapi.CopyFile2
