"""How hypothesis behaves in all unit tests: on a busy machine a slow draw or example says nothing about the code."""

from hypothesis import HealthCheck, settings

settings.register_profile("busy", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
