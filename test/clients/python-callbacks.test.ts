import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cleanUp, PROJECT, Tracker, temporaryFolder } from '../system/support.ts'
import { CommandLine, FRAMEWORKS_PYTHON, installFrameworks, type Point, pointsOf } from './python-command.ts'
import { installInto } from './support.ts'

let tracker: Tracker
let folder: string
let edgerun: CommandLine
beforeAll(async () => {
  await installFrameworks()
  tracker = await Tracker.start()
  folder = await temporaryFolder()
  edgerun = new CommandLine(tracker.url, folder)
}, 600_000)
afterAll(cleanUp, 60_000)

/** Runs a script, and gives what the last line of its output says. */
async function trained<T>(name: string, python = FRAMEWORKS_PYTHON): Promise<T> {
  const out = await edgerun.script(name, [folder], { python, cwd: folder })
  return JSON.parse(out.trimEnd().split('\n').at(-1) ?? '')
}

/** Steps and values of the curves whose names fit. */
async function curves(run: string, names = /^(?!system\/)/): Promise<Record<string, [number, number][]>> {
  const found = Object.entries(await pointsOf(tracker.url, run)).filter(([name]) => names.test(name))
  const pairs = (points: Point[]) =>
    points.map(({ step, value }): [number, number] => [Number(step), Number(value)])
  return Object.fromEntries(found.map(([name, points]) => [name, pairs(points)]))
}

const params = async (run: string) =>
  (await edgerun.json<{ params: Record<string, unknown> }>('show', run)).params

/** Values of a list with their places as steps. */
const counted = (values: number[], from = 0) => values.map((value, i): [number, number] => [from + i, value])

it("logs what Keras' fit and evaluate find", async () => {
  const { run, history, batches, tested, weights } = await trained<{
    run: string
    history: Record<string, number[]>
    batches: number[]
    tested: Record<string, number>
    weights: number
  }>('keras_fit.py')
  const found = await curves(run)
  for (const [name, values] of Object.entries(history)) expect(found[name]).toEqual(counted(values))
  expect(found['batch/loss']).toEqual(counted(batches).filter(([batch]) => batch % 3 === 0))
  expect(found['test/loss']).toEqual([[9, tested.loss]])
  // Halved every four batches, of which an epoch has three.
  expect(found.learning_rate?.map(([, rate]) => rate)).toEqual(
    [3, 6, 9].map((batches) => expect.closeTo(0.1 * 0.5 ** (batches / 4), 6)),
  )
  expect(await params(run)).toMatchObject({ epochs: 3, model: 'tiny', weights, 'optimizer.momentum': 0.5 })
}, 120_000)

it("logs what Transformers' Trainer logs, in the first process alone", async () => {
  const { run } = await trained<{ run: string }>('transformers_callback.py')
  expect(await curves(run)).toEqual({
    'train/loss': [
      [10, 0.1],
      [20, 0.05],
    ],
    'train/learning_rate': [
      [10, 0.1],
      [20, 0.1],
    ],
    'train/epoch': [
      [10, 1],
      [20, 2],
    ],
    'eval/loss': [[20, 0.25]],
    'eval/accuracy': [[20, 1]],
    'test/f1': [[20, 0.5]],
  })
  expect(await params(run)).toEqual({
    learning_rate: 0.1,
    optim: 'adamw',
    bf16: false,
    'model.layers': 2,
    'model.dropout.attention': 0.1,
  })
})

it("is a logger of Lightning's, in the first process alone", async () => {
  const { run } = await trained<{ run: string }>('lightning_logger.py')
  expect(await curves(run)).toEqual({
    'fold/train/loss': [
      [0, 1],
      [1, 1 / 2],
      [2, 1 / 3],
    ],
    'fold/epoch': [
      [0, 0],
      [1, 0],
      [2, 0],
    ],
  })
  expect(await params(run)).toEqual({ lr: 0.1, 'model.width': 8 })
  const at = `/api/2.0/mlflow/artifacts/list?run_id=${run.replaceAll('-', '')}&path=checkpoints`
  const { body } = await tracker.send('GET', at)
  expect(body).toMatchObject({ files: [{ path: 'checkpoints/best.ckpt', file_size: 7 }] })
})

// PyTorch takes more than 5 GB with what it needs: EDGERUN_TEST_TORCH=1 npm run test:clients -- python-callbacks
if (process.env.EDGERUN_TEST_TORCH) {
  it('works with the real Trainers of PyTorch', async () => {
    const venv = path.join(PROJECT, 'node_modules/.cache/torch')
    await installInto(venv, [
      'torch==2.15.0',
      'lightning==2.6.6',
      'transformers==5.24.0',
      'accelerate==1.15.0',
    ])
    const found = await trained<{
      lightning: string
      losses: number[]
      transformers: string
      history: Record<string, number>[]
    }>('torch_trainers.py', path.join(venv, 'bin/python'))
    expect((await curves(found.lightning))['train/loss']).toEqual(counted(found.losses))
    expect(await params(found.lightning)).toEqual({ lr: 0.1 })
    const logged = await curves(found.transformers)
    const told = (name: string) =>
      found.history.flatMap((entry) => (name in entry ? [[Number(entry.step), Number(entry[name])]] : []))
    expect(logged['train/loss']).toEqual(told('loss'))
    expect(logged['eval/loss']).toEqual(told('eval_loss'))
  }, 900_000)
}
