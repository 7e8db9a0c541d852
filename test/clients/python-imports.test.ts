import { appendFile, cp, mkdir, readdir, readFile, rename, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanUp, Tracker, temporaryFolder } from '../system/support.ts'
import { CommandLine, FRAMEWORKS_PYTHON, installFrameworks, type Point, pointsOf } from './python-command.ts'
import { install, PYTHON } from './support.ts'

interface Imported {
  runs: { id: string; name: string; stored: number; duplicates: number; artifacts: number }[]
  left_out: string[]
}

let tracker: Tracker
let folder: string
let edgerun: CommandLine
beforeAll(async () => {
  await install()
  await installFrameworks()
  tracker = await Tracker.start()
  folder = await temporaryFolder()
  edgerun = new CommandLine(tracker.url, folder)
}, 600_000)
afterAll(cleanUp, 60_000)

const sum = (imported: Imported, key: 'stored' | 'duplicates' | 'artifacts') =>
  imported.runs.reduce((sum, run) => sum + run[key], 0)

describe("MLflow's stores", () => {
  const env = { MLFLOW_ALLOW_FILE_STORE: 'true' }
  const dump = async (uri: string, runs: string[] = []) =>
    JSON.parse(
      await edgerun.script('mlflow_store.py', ['dump', uri, ...runs], { python: PYTHON, env, cwd: folder }),
    )

  it.each([
    ['mlruns', 'mlruns', (at: string) => `file://${at}`, 7],
    // Which MLflow takes much longer to fill.
    ['a database', 'mlflow.db', (at: string) => `sqlite:///${at}`, 3],
  ])('%s: every value is what MLflow itself reads', async (_, name, uri, experiments) => {
    const at = path.join(folder, name)
    await edgerun.script('mlflow_store.py', ['fill', uri(at), `${experiments}`], {
      python: PYTHON,
      env,
      cwd: folder,
    })
    const theirs = await dump(uri(at))
    const runs = Object.keys(theirs)
    expect(runs).toHaveLength(2 * experiments)

    const first = await edgerun.json<Imported>('import', at, '--owner', name)
    expect(first.left_out).toEqual([])
    expect(await dump(tracker.url, runs)).toEqual(theirs)
    expect([sum(first, 'stored'), sum(first, 'artifacts')]).toEqual([runs.length * 320, runs.length * 2])

    const again = await edgerun.json<Imported>('import', at, '--owner', name)
    expect([sum(again, 'stored'), sum(again, 'duplicates')]).toEqual([0, runs.length * 320])
  })

  it('keeps which run belongs to which, and goes into one experiment when told so', async () => {
    await edgerun.json('import', path.join(folder, 'mlruns'), '--owner', 'mlruns')
    const experiments = await edgerun.json<{ name: string; run_count: number }[]>('ls', '--owner', 'mlruns')
    expect(experiments.map(({ run_count }) => run_count)).toEqual(Array(7).fill(2))
    const [first] = await edgerun.json<{ id: string }[]>('ls', '--owner', 'mlruns')
    const { body } = await tracker.send('GET', `/experiments/${first?.id}`)
    expect(body).toMatchObject({ description: expect.stringMatching(/^Note \d\nof /) })
    const runs = await edgerun.json<{ id: string; parent_run_id: string | null }[]>(
      'ls',
      'digits',
      '--owner',
      'mlruns',
    )
    const child = runs.find((run) => run.parent_run_id !== null)
    expect(runs.map(({ id }) => id)).toContain(child?.parent_run_id)
  })

  /** A run of a folder of MLflow's that was not deleted: the same one each time. */
  async function oneRun(at: string): Promise<{ experiment: string; run: string }> {
    for (const name of (await readdir(at, { recursive: true })).sort()) {
      const [, experiment = '', run = ''] = /^(\d{5,})\/([0-9a-f]{32})\/meta\.yaml$/.exec(name) ?? []
      if (run === '') continue
      if ((await readFile(path.join(at, name), 'utf8')).includes('lifecycle_stage: active'))
        return { experiment, run }
    }
    throw new Error(`No run lies in ${at}`)
  }

  it('finds artifacts where the folder is now, and says which it cannot reach', async () => {
    const moved = path.join(folder, 'moved')
    await cp(path.join(folder, 'mlruns'), moved, { recursive: true })
    await rename(path.join(folder, 'mlruns'), path.join(folder, 'away'))
    const found = await edgerun.json<Imported>('import', moved, '--owner', 'mlruns')
    expect(sum(found, 'artifacts')).toBe(28)
    const { experiment, run } = await oneRun(moved)
    const meta = path.join(moved, experiment, run, 'meta.yaml')
    await writeFile(
      meta,
      (await readFile(meta, 'utf8')).replace(/^artifact_uri: .*$/m, 'artifact_uri: s3://bucket/x'),
    )
    await rename(path.join(moved, experiment, run, 'artifacts'), path.join(folder, 'elsewhere'))
    const { code, err } = await edgerun.run('import', moved, '--owner', 'mlruns')
    expect([code, err]).toEqual([1, expect.stringMatching(/artifacts, which lie at s3:\/\/bucket\/x\n$/)])
  })

  it('uploads in pieces what is longer than one', async () => {
    const content = Buffer.alloc(12_000_001, 'weights')
    const artifacts = path.join(folder, 'elsewhere')
    const { experiment, run } = await oneRun(path.join(folder, 'moved'))
    const at = path.join(folder, 'moved', experiment)
    await writeFile(path.join(artifacts, 'größe.bin'), content)
    await rename(artifacts, path.join(at, run, 'artifacts'))
    await edgerun.script('pieces.py', [path.join(folder, 'moved'), 'mlruns'])
    const target = `/get-artifact?run_id=${run}&path=${encodeURIComponent('größe.bin')}`
    const answer = await fetch(tracker.url + target)
    expect(Buffer.from(await answer.arrayBuffer()).equals(content)).toBe(true)
  })

  it('reads meta.yaml as PyYAML does', async () => {
    expect(Number(await edgerun.script('yaml_texts.py', [], { python: PYTHON }))).toBe(12_000)
  })
})

describe("TensorBoard's folders", () => {
  let theirs: Record<string, Record<string, [number, number, string][]>>
  beforeAll(async () => {
    await edgerun.script('event_files.py', ['write', path.join(folder, 'tb')], { python: FRAMEWORKS_PYTHON })
    const read = await edgerun.script('event_files.py', ['read', path.join(folder, 'tb')], {
      python: FRAMEWORKS_PYTHON,
    })
    theirs = JSON.parse(read)
  })

  /** As `event_files.py` writes it down; steps and times first, because the tracker gives points in that order. */
  const curves = async (run: string) => {
    const found = await pointsOf(tracker.url, run)
    return Object.fromEntries(Object.entries(found).map(([name, points]) => [name, points.map(asRead)]))
  }
  const asRead = ({ step, value, timestamp }: Point) => [Number(step), Date.parse(timestamp), bits(value)]
  const bits = (value: number | string) => {
    const view = Buffer.alloc(8)
    view.writeDoubleBE(Number(value))
    return view.toString('hex')
  }
  const inOrder = (points: [number, number, string][]) =>
    points.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])

  it('every value is what TensorBoard itself reads', async () => {
    const imported = await edgerun.json<Imported>('import', path.join(folder, 'tb'), '--owner', 'tb')
    expect(imported.left_out).toEqual([])
    expect(imported.runs.map(({ name }) => name).sort()).toEqual(Object.keys(theirs).sort())
    let compared = 0
    for (const { id, name } of imported.runs) {
      const wanted = Object.entries(theirs[name] ?? {}).map(([tag, points]) => [tag, inOrder(points)])
      expect(await curves(id)).toEqual(Object.fromEntries(wanted))
      compared += Object.values(theirs[name] ?? {}).flat().length
    }
    expect(compared).toBe(sum(imported, 'stored'))
    expect(compared).toBeGreaterThan(2_800)

    const again = await edgerun.json<Imported>('import', path.join(folder, 'tb'), '--owner', 'tb')
    expect([sum(again, 'stored'), sum(again, 'duplicates')]).toEqual([0, compared])
  })

  it('hyperparameters become params', async () => {
    const { runs } = await edgerun.json<Imported>('import', path.join(folder, 'tb'), '--owner', 'tb')
    const params = async (name: string) => {
      const id = runs.find((run) => run.name === name)?.id ?? ''
      return (await edgerun.json<{ params: unknown }>('show', id)).params
    }
    expect(await params('tensors/deep')).toEqual({ lr: 0.25, name: 'größe', bias: false })
    expect(await params('simple/trial')).toEqual({ lr: 0.1, opt: 'adam', nesterov: true })
  })

  it('of a damaged file, what stands before is kept, and the command fails', async () => {
    const damaged = path.join(folder, 'damaged')
    await cp(path.join(folder, 'tb/simple'), damaged, { recursive: true })
    const [file = ''] = (await readdir(damaged)).filter((name) => name.includes('tfevents'))
    const bytes = await readFile(path.join(damaged, file))
    bytes[50_000] = (bytes[50_000] ?? 0) ^ 0xff
    await writeFile(path.join(damaged, file), bytes)
    const { code, out, err } = await edgerun.run('import', damaged, '--owner', 'tb')
    expect(code).toBe(1)
    expect(err).toMatch(/tfevents.*: what is behind, because a (record|length) is damaged at byte/)
    const stored = Number(/damaged: (\d+) points/.exec(out)?.[1])
    expect(stored).toBeGreaterThan(500)
    expect(stored).toBeLessThan(2_007)
  })

  it('a run that goes on is imported again under the same id, with what is new', async () => {
    const live = path.join(folder, 'live')
    await cp(path.join(folder, 'tb/fields'), live, { recursive: true })
    const [file = ''] = await readdir(live)
    const whole = await readFile(path.join(live, file))
    await truncate(path.join(live, file), 500)
    const first = await edgerun.json<Imported>('import', live, '--owner', 'tb')
    await writeFile(path.join(live, file), whole)
    const second = await edgerun.json<Imported>('import', live, '--owner', 'tb')
    expect(second.runs.map(({ id }) => id)).toEqual(first.runs.map(({ id }) => id))
    expect(sum(second, 'duplicates')).toBe(sum(first, 'stored'))
    expect(sum(first, 'stored') + sum(second, 'stored')).toBe(15)
    expect(sum(second, 'stored')).toBeGreaterThan(0)
  })
})

describe('logs', () => {
  const log = async (name: string, text: string) => {
    const file = path.join(folder, name)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, text)
    return file
  }
  const importedAs = async (file: string, ...more: string[]) => {
    const { runs } = await edgerun.json<Imported>('import', file, '--owner', 'logs', ...more)
    return runs[0]?.id ?? ''
  }

  it('of JSON lines are metrics by their names, whatever else a line has', async () => {
    const file = await log(
      'train.jsonl',
      `{"step": 1, "timestamp": "2026-11-24T09:30:00.250Z", "loss": 0.5, "run": "a7", "done": false, "note": null}
{"step": 2, "timestamp": 1795512601.5, "loss": NaN, "val/acc": "Infinity", "tokens": 9007199254740993}

{"step": "9007199254740993", "loss": -0.0, "rank": 3}
`,
    )
    const id = await importedAs(file)
    expect(await pointsOf(tracker.url, id)).toEqual({
      loss: [
        { step: 1, value: 0.5, timestamp: '2026-11-24T09:30:00.250Z' },
        { step: 2, value: 'NaN', timestamp: '2026-11-24T09:30:01.500Z' },
      ],
      'loss of rank 3': [{ step: '9007199254740993', value: -0, timestamp: expect.any(String) }],
      'val/acc': [{ step: 2, value: 'Infinity', timestamp: '2026-11-24T09:30:01.500Z' }],
      tokens: [{ step: 2, value: 9007199254740992, timestamp: '2026-11-24T09:30:01.500Z' }],
    })
    const run = await edgerun.json<{ started_at: string; ended_at: string; status: string }>('show', id)
    expect(run).toMatchObject({
      name: 'train',
      status: 'completed',
      started_at: '2026-11-24T09:30:00.250Z',
      ended_at: '2026-11-24T09:30:01.500Z',
    })
    await appendFile(file, '{"step": 5, "loss": 0.25}\n')
    expect(await importedAs(file)).toBe(id)
    expect((await pointsOf(tracker.url, id)).loss).toHaveLength(3)
  })

  it('of CSV are metrics by their columns', async () => {
    const file = await log(
      'metrics.csv',
      '\ufeffepoch,train_loss,"val, loss",lr,stage\r\n0,0.75,,1e-3,warm\r\n1,nan,0.5,.0005,main\r\n2,-inf,0.25,5E-4,main\r\n',
    )
    const found = await pointsOf(tracker.url, await importedAs(file, '--name', 'csv'))
    const values = Object.fromEntries(
      Object.entries(found).map(([name, points]) => [name, points.map(({ step, value }) => [step, value])]),
    )
    expect(values).toEqual({
      train_loss: [
        [0, 0.75],
        [1, 'NaN'],
        [2, '-Infinity'],
      ],
      'val, loss': [
        [1, 0.5],
        [2, 0.25],
      ],
      lr: [
        [0, 0.001],
        [1, 0.0005],
        [2, 0.0005],
      ],
    })
  })

  it.each(['csv', 'jsonl'])('that were exported as %s come back with every digit', async (form) => {
    const source = await log(
      'source.jsonl',
      [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0, 123456789012345680000, 2 ** 53]
        .flatMap((value, i) => [
          {
            name: 'a, "b" / größe',
            step: i * 3 - 2,
            value: Object.is(value, -0) ? '-0.0' : value,
            timestamp: 1_795_512_600_123 + i,
          },
          { name: 'rank', step: i, value, timestamp: 1_795_512_600_000, rank: i },
        ])
        .map((point) => JSON.stringify(point).replace('"-0.0"', '-0.0'))
        .concat('{"name": "far", "step": "-9223372036854775808", "value": "NaN", "timestamp": 0}')
        .join('\n'),
    )
    const from = await importedAs(source)
    const file = path.join(folder, `exported.${form}`)
    await edgerun.output('export', from, `--${form}`, '-o', file)
    const to = await importedAs(file)
    expect(to).not.toBe(from)
    const points = await pointsOf(tracker.url, from)
    expect(await pointsOf(tracker.url, to)).toEqual(points)
    expect(Object.values(points).flat()).toHaveLength(15)
    expect(await edgerun.output('export', to, `--${form}`)).toBe(await readFile(file, 'utf8'))
  })

  it.each([
    ['no-json.jsonl', '{"step": 1}\n{"step":\n', /line 2: this is no JSON/],
    ['no-object.jsonl', '[1]', /line 1: each line is an object/],
    ['no-step.jsonl', '{"step": 1.5, "loss": 1}', /line 1: the step 1\.5 is no whole number of 64 bits/],
    [
      'large-step.csv',
      'step,loss\n9223372036854775808,1',
      /line 2: the step 9223372036854775808 is no whole/,
    ],
    [
      'no-time.jsonl',
      '{"step": 1, "timestamp": "soon", "loss": 1}',
      /line 1: the timestamp 'soon' is neither/,
    ],
    ['no-value.jsonl', '{"step": 1, "name": "loss", "value": "low"}', /line 1: the value 'low' is no number/],
    ['short.csv', 'step,loss\n1\n', /line 2: 1 fields, where the first line has 2/],
    ['twice.csv', 'step,loss,loss\n1,2,3\n', /line 1: two columns have the same name/],
  ])('that make no sense are told with the line: %s', async (name, text, message) => {
    const { code, err } = await edgerun.run('import', await log(name, text), '--owner', 'wrong')
    expect([code, err]).toEqual([2, expect.stringMatching(message)])
  })

  it.each([
    ['half.jsonl', '{"step":1,"loss":0.5}\n{"step":2,"lo', ['the last line, which is not whole']],
    ['half.csv', 'step,loss,stage\n1,0.5,warm\n2,0.2', ['the last line, which is not whole']],
    [
      'nested.jsonl',
      '{"step":1,"loss":0.5,"train":{"acc":1},"top5":"0.9","stage":"warm","done":true}\n',
      [
        "the field 'train', where it is no number of its own",
        "the field 'top5', where it is no number of its own",
      ],
    ],
  ])('takes over what can be, and names the rest: %s', async (name, text, leftOut) => {
    const file = await log(name, text)
    const { code, out } = await edgerun.run('import', file, '--owner', 'logs', '--json')
    const found = JSON.parse(out) as { runs: { id: string }[]; left_out: string[] }
    expect([code, found.left_out]).toEqual([1, leftOut.map((what) => `${file}: ${what}`)])
    expect(await pointsOf(tracker.url, found.runs[0]?.id ?? '')).toEqual({
      loss: [expect.objectContaining({ step: 1, value: 0.5 })],
    })
  })

  it('leaves out names that the tracker does not take, and says so', async () => {
    const file = await log('names.jsonl', JSON.stringify({ step: 1, loss: 1, ['x'.repeat(251)]: 2 }))
    const { code, out, err } = await edgerun.run('import', file, '--owner', 'logs')
    expect([code, out, err]).toEqual([
      1,
      expect.stringMatching(/names: 1 points\n$/),
      expect.stringMatching(
        /^edgerun: left out of names: the metric 'x+', because its name has more than 250/,
      ),
    ])
  })

  it('is refused where nobody knows what it is', async () => {
    const { code, err } = await edgerun.run('import', await log('notes.txt', 'hello'))
    expect([code, err]).toEqual([2, expect.stringMatching(/say by --format what it is\n$/)])
    expect((await edgerun.run('import', path.join(folder, 'nowhere'))).code).toBe(2)
  })
})
