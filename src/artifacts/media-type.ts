import mime from 'mime/lite'

/** What MLflow's page shows as text. */
const TEXT =
  /(^|\.)(txt|log|err|cfg|conf|cnf|cf|ini|properties|prop|hocon|toml|yaml|yml|xml|json|js|py|py3|csv|tsv|md|rst|ipynb|MLmodel|MLproject)$/

/** What a page of ours, which takes scripts from our origin, would run: then it is text, whatever its name. */
const SCRIPT = /(java|ecma)script/

/** The media type of a file, by its name, as MLflow's server tells it, but for scripts. */
export function mediaTypeOf(name: string): string {
  const type = mime.getType(name) ?? 'application/octet-stream'
  return TEXT.test(name) || SCRIPT.test(type) ? 'text/plain' : type
}
