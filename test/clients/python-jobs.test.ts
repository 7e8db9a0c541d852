/** The Python client and a tracker, in jobs as people run them. */
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../tools/local/ports.ts'
import { cleanUp, Tracker, temporaryFolder, until } from '../system/support.ts'
import { EXAMPLES, runPython, SCRIPTS, startPython } from './python-support.ts'

let tracker: Tracker
beforeAll(async () => {
  tracker = await Tracker.start()
})
afterAll(cleanUp, 60_000)

interface Run {
  experiment_id: string
  status: string
  seed: number
  params: object
  tags: Record<string, unknown>
  metrics: {
    name: string
    rank: number
    attempt: number
    count: number
    last: { step: number; value: number }
  }[]
}

const runOf = async (id: string) => (await tracker.send('GET', `/runs/${id}`)).body as Run
const counts = (run: Run) =>
  Object.fromEntries(
    run.metrics
      .filter(({ name }) => !/^(edgerun|system)\//.test(name))
      .map(({ name, rank, count }) => [`${name} ${rank}`, count]),
  )

describe('a run that is logged offline', () => {
  it('is sent from another folder, whole, and again with nothing changed', async () => {
    const folder = await temporaryFolder()
    const spool = path.join(folder, 'spool')
    // Run in a folder of its own: it writes a file there.
    const id = await runPython(
      [
        '-c',
        `import os, runpy; os.chdir(${JSON.stringify(folder)}); runpy.run_path(${JSON.stringify(path.join(SCRIPTS, 'offline.py'))})`,
      ],
      { EDGERUN_URI: tracker.url, EDGERUN_SPOOL: spool },
    )
    expect((await tracker.send('GET', `/runs/${id}`)).status).toBe(404)
    const elsewhere = path.join(folder, 'elsewhere')
    const twice = path.join(folder, 'twice')
    await cp(spool, elsewhere, { recursive: true })
    await cp(spool, twice, { recursive: true })
    await rm(spool, { recursive: true })

    const sync = (from: string) =>
      runPython(['-m', 'edgerun.cli', 'sync', '--uri', tracker.url, from], { EDGERUN_SPOOL: '/nowhere' })
    expect(await sync(elsewhere)).toContain('10000 points sent')
    const run = await runOf(id)
    expect(run).toMatchObject({
      status: 'completed',
      seed: 7,
      params: { lr: 0.1 },
      tags: { note: 'far away' },
    })
    expect(counts(run)).toEqual({ 'loss 0': 5_000, 'odd 0': 5_000 })
    expect(await readdir(elsewhere)).toEqual([])
    const artifact = await fetch(`${tracker.url}/get-artifact?run_id=${id}&path=texts/notes.txt`)
    expect(await artifact.text()).toBe('as it was when it was logged')

    await sync(twice)
    expect(await runOf(id)).toEqual(run)
    expect(await sync(twice)).toBe('Nothing is left to send\n')
  })
})

describe('a process that is forked after it has begun a run', () => {
  it('loses nothing of its children, nor of itself, in the experiment of its name that is there', async () => {
    const made = await tracker.send('POST', '/experiments', { name: 'forks', owner: 'alice' })
    const spool = await temporaryFolder()
    const id = await runPython([path.join(SCRIPTS, 'forks.py')], {
      EDGERUN_URI: tracker.url,
      EDGERUN_SPOOL: spool,
    })
    const run = await runOf(id)
    expect([run.status, run.experiment_id]).toEqual(['completed', (made.body as { id: string }).id])
    expect(counts(run)).toEqual({
      'parent 0': 1_000,
      ...Object.fromEntries([1, 2, 3, 4].map((child) => [`child ${child} 0`, 1_000])),
    })
  })
})

describe('a job of four ranks', () => {
  it('goes on in the same run after it was killed', async () => {
    const folder = await temporaryFolder()
    const spool = path.join(folder, 'spool')
    await mkdir(spool)
    const port = await freePort()
    const steps = 300
    const start = (attempt: number) =>
      startPython(
        [
          path.join(EXAMPLES, 'digits.py'),
          `--steps=${steps}`,
          `--checkpoint=${path.join(folder, 'checkpoint.json')}`,
        ],
        {
          EDGERUN_URI: tracker.url,
          EDGERUN_SPOOL: spool,
          TORCHELASTIC_RUN_ID: 'digits-of-the-test',
          TORCHELASTIC_RESTART_COUNT: `${attempt}`,
          // Its ranks meet at the port after it.
          MASTER_PORT: `${port - 1}`,
        },
      )
    const experiments = async () =>
      (await tracker.send('GET', '/experiments?q=softmax')).body as { id: string }[]
    const ids = async () => {
      const [experiment] = await experiments()
      if (!experiment) return []
      return ((await tracker.send('GET', `/experiments/${experiment.id}/runs`)).body as { id: string }[]).map(
        ({ id }) => id,
      )
    }
    const first = start(0)
    const lastStep = async () => {
      const [id] = await ids()
      if (id === undefined) return 0
      return (await runOf(id)).metrics.find(({ name }) => name === 'mean_loss')?.last.step ?? 0
    }
    const checkpoint = async () => {
      const text = await readFile(path.join(folder, 'checkpoint.json'), 'utf8').catch(() => '[[], 0]')
      return (JSON.parse(text) as [number[], number])[1]
    }
    await until('it is under way', async () => (await checkpoint()) >= 20 && (await ids()).length > 0)
    // The ranks first: whoever started them would else be gone before they can be told apart.
    const ranks = (await children(first.child.pid ?? 0)).slice(0, 4)
    for (const pid of [...ranks, first.child.pid ?? 0]) process.kill(pid, 'SIGKILL')
    await first.ended
    const reached = await lastStep()
    expect(reached).toBeLessThan(steps - 1)

    const second = start(1)
    expect(await second.ended, second.said.err).toEqual({ code: 0, signal: null })
    expect(second.said).toEqual({ out: '', err: '' })
    const found = await ids()
    expect(found).toHaveLength(1)
    const run = await runOf(found[0] ?? '')
    expect(run.status).toBe('completed')
    const all = (await tracker.send('GET', `/runs/${found[0]}/metrics?attempt=all`)).body as Run['metrics']
    for (let rank = 0; rank < 4; rank++) {
      const [before, after] = all
        .filter((metric) => metric.name === 'loss' && metric.rank === rank)
        .sort((a, b) => a.attempt - b.attempt)
      expect([before?.attempt, after?.attempt, after?.last.step]).toEqual([0, 1, steps - 1])
      // Each step once or, where it was done again, twice.
      expect((before?.count ?? 0) + (after?.count ?? 0)).toBeGreaterThanOrEqual(steps)
    }
    expect(run.metrics.find(({ name }) => name === 'accuracy')?.last.value).toBeGreaterThan(0.8)
    expect(await readdir(path.join(spool, found[0] ?? '')).catch(() => [])).not.toContainEqual(
      expect.stringMatching(/\.wal$/),
    )
  })
})

/** The processes that another one has started. */
async function children(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.trim().split(' ').filter(Boolean).map(Number)
}
