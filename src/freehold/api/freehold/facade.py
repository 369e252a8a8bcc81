"""The façade that the files of this folder hang their routes on."""

from freehold.api.errors import freehold_envelope
from freehold.api.routing import Facade

freehold = Facade("freehold", freehold_envelope)
V1 = "/freehold/v1"
