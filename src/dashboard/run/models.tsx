/** The models that a run has logged, each with its params and metrics, and what was registered of them. */
import { useQuery } from '@tanstack/react-query'
import type { Run } from '../api.ts'
import { nothing } from '../queries.ts'
import { Ago, Empty, Failure, Skeleton, Value } from '../ui/parts.tsx'
import { isLive } from './about.ts'
import { type LoggedModel, modelsOf, versionsOf } from './read-models.ts'

export function Models({ run }: { run: Run }) {
  const refetchInterval = isLive(run) ? 10_000 : (false as const)
  const models = useQuery({
    queryKey: ['run', run.id, 'models'],
    queryFn: () => modelsOf(run.experiment_id, run.id),
    refetchInterval,
    placeholderData: nothing,
  })
  const versions = useQuery({
    queryKey: ['run', run.id, 'versions'],
    queryFn: () => versionsOf(run.id),
    refetchInterval,
    placeholderData: nothing,
  })
  const error = models.error ?? versions.error
  if (error) {
    const again = () => {
      void models.refetch()
      void versions.refetch()
    }
    return <Failure error={error} again={again} />
  }
  if (!models.data || !versions.data) return <Skeleton lines={6} />
  if (models.data.length === 0 && versions.data.length === 0) {
    return (
      <Empty title="This run has logged no model">
        <p>
          MLflow's clients log them, as with <code>mlflow.sklearn.log_model(model, name="model")</code>.
        </p>
      </Empty>
    )
  }
  return (
    <div class="models">
      {models.data.map((model) => (
        <Model key={model.info.model_id} model={model} />
      ))}
      {versions.data.length > 0 && (
        <section>
          <h2>Registered versions</h2>
          <table class="list">
            <thead>
              <tr>
                <th>Model</th>
                <th class="right">Version</th>
                <th>Stage</th>
              </tr>
            </thead>
            <tbody>
              {versions.data.map(({ name, version, current_stage }) => (
                <tr key={`${name} ${version}`}>
                  <th scope="row">{name}</th>
                  <td class="right number">{version}</td>
                  <td>{current_stage === 'None' ? '' : current_stage}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </div>
  )
}

function Model({ model: { info, data } }: { model: LoggedModel }) {
  const { params = [], metrics = [] } = data
  return (
    <section aria-label={`Model ${info.name}`}>
      <div class="bar">
        <h2>{info.name}</h2>
        <span class="faint">
          {[info.model_type, info.status.replace('LOGGED_MODEL_', '').toLowerCase()]
            .filter(Boolean)
            .join(' · ')}
          {' · '}
          <Ago at={new Date(Number(info.creation_timestamp_ms)).toISOString()} />
        </span>
      </div>
      <p class="faint">
        <code>{info.model_id}</code> at <code>{info.artifact_uri}</code>
      </p>
      {params.length + metrics.length > 0 && (
        <table class="list named">
          <tbody>
            {params.map(({ key, value }) => (
              <tr key={`param ${key}`}>
                <th scope="row">{key}</th>
                <td class="value">{value}</td>
                <td class="faint">param</td>
              </tr>
            ))}
            {metrics.map(({ key, value, step, dataset_name }) => (
              <tr key={`metric ${key} ${step} ${dataset_name ?? ''}`}>
                <th scope="row">{key}</th>
                <td>
                  <Value value={value} />
                </td>
                <td class="faint">
                  metric, step {step}
                  {dataset_name && `, of ${dataset_name}`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
