import { beforeAll, describe, expect, it } from 'vitest'
import { interfere, lostAnswer, stopInterfering } from '../support/faults.ts'
import { MlflowClient } from '../support/mlflow.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
const mlflow = new MlflowClient(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
})
stopInterfering()

describe('an answer of the database that is lost', () => {
  it('creates no second experiment, run or point', async () => {
    interfere(lostAnswer)
    const experiment = await mlflow.createExperiment('lost')
    interfere(lostAnswer)
    const { info } = await mlflow.createRun(experiment)
    interfere(lostAnswer)
    const { status } = await mlflow.post('/runs/log-batch', {
      run_id: info.run_id,
      metrics: [{ key: 'm', value: 1, timestamp: 1 }],
      params: [{ key: 'p', value: '1' }],
    })
    expect(status).toBe(200)
    const { runs } = await mlflow.search({ experiment_ids: [experiment] })
    expect(runs.map((run) => run.data.metrics?.length)).toEqual([1])
  })
})
