/** Where artifacts lie: URIs that MLflow's clients read and write through. `mlflow-artifacts:/` is our own store. */
import { experimentId, hexId } from '../ids.ts'
import { safePath } from './path.ts'

/** Where the artifacts of an experiment's runs and models lie. */
export const experimentLocation = (id: string, location: string | null): string =>
  location ?? `mlflow-artifacts:/${experimentId(id)}`

/** Where a run's artifacts lie. */
export const runLocation = (experiment: string, id: string, uri: string | null): string =>
  uri ?? `${experimentLocation(experiment, null)}/${hexId(id)}/artifacts`

/** Where a logged model's artifacts lie. */
export const modelLocation = (experiment: string, id: string, uri: string | null): string =>
  uri ?? `${experimentLocation(experiment, null)}/models/m-${hexId(id)}/artifacts`

/**
 * What a URI that leads into our own store looks like, for JavaScript and Postgres alike; the path in it is the first
 * group. `mlflow-artifacts://host/…` names a tracker that its clients call, and who is asked for it is that tracker.
 *
 * @param host under which this tracker is called: URIs of its own HTTP routes are its own, too
 */
export const ownUri = (host: string): string =>
  `^(?:mlflow-artifacts:(?://[^/]*)?|https?://${escaped(host)}/(?:ajax-)?api/2\\.0/mlflow-artifacts/artifacts(?=/))/*(.*)$`

/**
 * The key in our store under which everything lies that a URI stands for.
 *
 * @returns undefined when it lies in another store, or nowhere
 */
export function ownKey(uri: string, host: string): string | undefined {
  const path = new RegExp(ownUri(host)).exec(uri)?.[1]
  return path === undefined ? undefined : safePath(path)
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
