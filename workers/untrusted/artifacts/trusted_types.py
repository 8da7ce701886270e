"""The types that a skops file may hold, beside the estimators and numpy types skops itself takes.

Each was read: building one, and computing with it, runs nothing that the file brings along.
Trees are taken because their indices are checked before use. The list is fixed; it is never
filled from what a file asks for.
"""

from itertools import chain

TYPES = {
    "functools": ["partial"],
    "numpy": ["dtype", "mean"],
    "scipy.interpolate._bsplines": ["BSpline"],
    "scipy._lib.array_api_compat.numpy._aliases": ["asarray"],
    "scipy.sparse._csr": ["csr_matrix", "csr_array"],
    "scipy.sparse._csc": ["csc_matrix", "csc_array"],
    "sklearn.calibration": [
        "_CalibratedClassifier",
        "_SigmoidCalibration",
        "_TemperatureScaling",
    ],
    "sklearn.ensemble._hist_gradient_boosting.predictor": ["TreePredictor"],
    "sklearn.feature_selection._mutual_info": ["mutual_info_classif", "mutual_info_regression"],
    "sklearn.feature_selection._univariate_selection": [
        "chi2",
        "f_classif",
        "f_regression",
        "r_regression",
    ],
    "sklearn.gaussian_process._gpc": ["_BinaryGaussianProcessClassifierLaplace"],
    "sklearn.gaussian_process.kernels": [
        "ConstantKernel",
        "DotProduct",
        "ExpSineSquared",
        "Exponentiation",
        "Matern",
        "PairwiseKernel",
        "Product",
        "RBF",
        "RationalQuadratic",
        "Sum",
        "WhiteKernel",
    ],
    "sklearn.impute._iterative": ["IterativeImputer", "_ImputerTriplet"],
    "sklearn.metrics._classification": [
        "accuracy_score",
        "balanced_accuracy_score",
        "brier_score_loss",
        "d2_log_loss_score",
        "f1_score",
        "jaccard_score",
        "log_loss",
        "matthews_corrcoef",
        "precision_score",
        "recall_score",
    ],
    "sklearn.metrics._dist_metrics": [
        "BrayCurtisDistance64",
        "CanberraDistance64",
        "ChebyshevDistance64",
        "DiceDistance64",
        "EuclideanDistance64",
        "HammingDistance64",
        "HaversineDistance64",
        "JaccardDistance64",
        "MahalanobisDistance64",
        "ManhattanDistance64",
        "MinkowskiDistance64",
        "RogersTanimotoDistance64",
        "RussellRaoDistance64",
        "SEuclideanDistance64",
        "SokalMichenerDistance64",
        "SokalSneathDistance64",
    ],
    "sklearn.metrics._ranking": [
        "average_precision_score",
        "roc_auc_score",
        "top_k_accuracy_score",
    ],
    "sklearn.metrics._scorer": ["_CurveScorer", "_PassthroughScorer", "_Scorer"],
    "sklearn.model_selection._search_successive_halving": [
        "HalvingGridSearchCV",
        "HalvingRandomSearchCV",
    ],
    "sklearn.model_selection._split": [
        "KFold",
        "RepeatedKFold",
        "RepeatedStratifiedKFold",
        "ShuffleSplit",
        "StratifiedKFold",
        "StratifiedShuffleSplit",
    ],
    "sklearn.multiclass": ["_ConstantPredictor"],
    "sklearn.neighbors._ball_tree": ["BallTree"],
    "sklearn.neighbors._kd_tree": ["KDTree"],
    "sklearn.neural_network._stochastic_optimizers": ["AdamOptimizer", "SGDOptimizer"],
    "sklearn.tree._tree": ["Tree"],
    "sklearn.utils._bunch": ["Bunch"],
    "sklearn.utils._metadata_requests": ["MetadataRequest", "MethodMetadataRequest"],
    "sklearn.utils.validation": ["check_array"],
}

TRUSTED_TYPES = tuple(
    chain.from_iterable([f"{module}.{name}" for name in names] for module, names in TYPES.items())
)
