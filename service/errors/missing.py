"""What a request names and nobody knows."""

from service.errors.error import ServiceError


class NotFound(ServiceError):
    """There is nothing here"""

    status, code = 404, "not_found"


class PoolNotFound(NotFound):
    """There is no such pool"""

    code = "pool_not_found"


class PartNotFound(NotFound):
    """The pool has no such part"""

    code = "part_not_found"


class ModelNotFound(NotFound):
    """There is no such model"""

    code = "model_not_found"


class PredictionsNotFound(NotFound):
    """The pool has no such predictions"""

    code = "predictions_not_found"


class JobNotFound(NotFound):
    """There is no such job"""

    code = "job_not_found"


class RankingNotFound(NotFound):
    """There is no such ranking"""

    code = "ranking_not_found"


class AcquisitionNotFound(NotFound):
    """There is no such acquisition function"""

    code = "acquisition_not_found"


class ExclusionSetNotFound(NotFound):
    """The pool has no such exclusion set"""

    code = "exclusion_set_not_found"


class EstimatorNotFound(NotFound):
    """There is no such estimator"""

    code = "estimator_not_found"


class LearnerNotFound(NotFound):
    """There is no such learner"""

    code = "learner_not_found"


class LeaseNotFound(NotFound):
    """There is no such lease, or it has ended"""

    code = "lease_not_found"


class SimulationNotFound(NotFound):
    """There is no such simulation"""

    code = "simulation_not_found"
