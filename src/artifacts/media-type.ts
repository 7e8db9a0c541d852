import mime from 'mime/lite'

/** What MLflow's page shows as text. */
const TEXT =
  /(^|\.)(txt|log|err|cfg|conf|cnf|cf|ini|properties|prop|hocon|toml|yaml|yml|xml|json|js|py|py3|csv|tsv|md|rst|ipynb|MLmodel|MLproject)$/

/** The media type of a file, by its name, as MLflow's server tells it. */
export const mediaTypeOf = (name: string): string =>
  TEXT.test(name) ? 'text/plain' : (mime.getType(name) ?? 'application/octet-stream')
