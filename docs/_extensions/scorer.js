/* How the search of the site ranks: Sphinx's points, fewer for the pages that name every term. */
var Scorer = {
  score: ([docname, title, anchor, descr, score]) =>
    /^(glossary|changelog|how_data_flows|genindex)$/.test(docname) ? score / 2 : score,
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
