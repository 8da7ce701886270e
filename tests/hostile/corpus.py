"""All hostile files."""

from tests.hostile import arrays, fitted, graphs, pickles, tables, texts

CORPUS = (
    *pickles.FILES,
    *arrays.FILES,
    *texts.FILES,
    *tables.FILES,
    *fitted.FILES,
    *graphs.FILES,
)
