"""What an artifact may be called."""

from freehold.kit.problems import Invalid

LONGEST_PATH = 1_024
RUN_ORIGIN = "ExperimentRun"
ASSET_ORIGIN = "Asset"
"""The files of an asset, by the asset's id as their container: read only, for the asset itself holds them."""


def check_path(path: str) -> str:
    """The path without leading slash. Refuses what could leave a folder or could not be a name anywhere."""
    path = path.strip("/")
    if not path or len(path) > LONGEST_PATH:
        message = f"An artifact's path has 1 to {LONGEST_PATH} characters; this has {len(path)}."
        raise Invalid("InvalidArtifactPath", message, target="path")
    if any(ord(c) < 32 or c == "\x7f" for c in path) or "\\" in path:
        raise Invalid("InvalidArtifactPath", "A path holds no control character and no backslash.", target="path")
    if any(part in {"", ".", ".."} for part in path.split("/")):
        raise Invalid("InvalidArtifactPath", "A path holds no empty part, '.' or '..'.", target="path")
    return path


def check_container(name: str, text: str) -> None:
    if not text or len(text) > 255 or any(ord(c) < 32 or c in "/\\" for c in text) or text in {".", ".."}:
        raise Invalid("InvalidArtifactContainer", f"The artifact's {name} has 1 to 255 characters, no slash.")
