"""What holds for all tests: Hypothesis sets its examples no deadline, since they run side by side on busy machines."""

from hypothesis import settings

settings.register_profile("flowhouse", deadline=None)
settings.load_profile("flowhouse")
