/** Where artifacts lie: URIs that MLflow's clients read and write through. `mlflow-artifacts:/` is our own store. */
import { experimentId, hexId } from '../mlflow/wire.ts'

/** Where the artifacts of an experiment's runs and models lie. */
export const experimentLocation = (id: string, location: string | null): string =>
  location ?? `mlflow-artifacts:/${experimentId(id)}`

/** Where a run's artifacts lie. */
export const runLocation = (experiment: string, id: string, uri: string | null): string =>
  uri ?? `${experimentLocation(experiment, null)}/${hexId(id)}/artifacts`
