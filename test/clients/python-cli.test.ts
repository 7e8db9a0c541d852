import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanUp, Tracker, temporaryFolder, until } from '../system/support.ts'
import { CommandLine, ended, pointsOf, start } from './python-command.ts'

let tracker: Tracker
let folder: string
let edgerun: CommandLine
beforeAll(async () => {
  tracker = await Tracker.start()
  folder = await temporaryFolder()
  edgerun = new CommandLine(tracker.url, folder)
}, 120_000)
afterAll(cleanUp, 60_000)

const post = async (target: string, body: unknown) => {
  const { status, body: answer } = await tracker.send('POST', target, body)
  if (status >= 300) throw new Error(JSON.stringify(answer))
  return answer as { id: string }
}

let names = 0
/** An experiment with runs, each with a loss at its first steps. */
async function sweep(losses: number[][]) {
  const name = `sweep ${++names}`
  const { id } = await post('/experiments', { name, owner: 'alice' })
  const runs: string[] = []
  for (const [i, values] of losses.entries()) {
    const run = await post(`/experiments/${id}/runs`, { name: `run ${i}`, params: { lr: i / 10 } })
    const steps = values.map((_, step) => step)
    await post(`/runs/${run.id}/metrics`, { series: [{ name: 'train/loss', steps, values }] })
    runs.push(run.id)
  }
  return { name, id, runs }
}

const shell = (text: string) => promisify(execFile)('sh', ['-c', text])

describe('ls', () => {
  it('lists experiments, and runs by filter, order and metric', async () => {
    const { name, id, runs } = await sweep([
      [3, 2],
      [5, 4],
      [1, 0.5],
    ])
    const experiments = await edgerun.json<{ id: string; run_count: number }[]>('ls')
    expect(experiments.find((experiment) => experiment.id === id)).toMatchObject({ name, run_count: 3 })

    const args = ['--order-by', 'metrics.`train/loss`', '--metric', 'train/loss']
    const found = await edgerun.json<{ id: string }[]>('ls', name, ...args)
    expect(found.map((run) => run.id)).toEqual([runs[2], runs[0], runs[1]])
    const text = await edgerun.output('ls', id, '--filter', "params.lr = '0.1'", '--metric', 'train/loss')
    expect(text.split('\n').map((line) => line.split('\t'))).toEqual([
      ['ID', 'NAME', 'STATUS', 'STARTED', 'train/loss'],
      [runs[1], 'run 1', 'running', expect.any(String), '4'],
      [''],
    ])
    expect(await edgerun.json('ls', `${tracker.url}/e/${id}?columns=x`, '-n', '2')).toHaveLength(2)
    expect(await edgerun.json('ls', name, '-n', '0')).toHaveLength(3)
  })

  it('asks for the owner where a name is that of several', async () => {
    for (const owner of ['ada', 'bob']) await post('/experiments', { name: 'shared', owner })
    const { code, err } = await edgerun.run('ls', 'shared')
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/2 experiments 'shared', of ada, bob: choose by --owner/),
    ])
    expect(await edgerun.json('ls', 'shared', '--owner', 'ada')).toEqual([])
  })

  it('keeps to itself what would steer a terminal', async () => {
    await post('/experiments', { name: 'bad\u001b[2J\nname', owner: 'mallory' })
    const text = await edgerun.output('ls', '--owner', 'mallory')
    expect(text.split('\n')[1]).toMatch(/^\S+\tbad\ufffd\[2J name\tmallory\t/)
  })
})

describe('show', () => {
  it('shows params, tags and metrics, by id, id without dashes, or address', async () => {
    const { runs } = await sweep([[3, 1, 2]])
    const [run = ''] = runs
    await tracker.send('PATCH', `/runs/${run}`, { tags: { host: 'gpu-1' } })
    const text = await edgerun.output('show', run)
    for (const line of [
      `id: ${run}`,
      'status: running',
      '  lr: 0',
      '  host: gpu-1',
      'train/loss\t0\t3\t2\t2\t1\t3',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
    expect(await edgerun.output('show', run.replaceAll('-', '').toUpperCase())).toBe(text)
    expect(await edgerun.output('show', `${tracker.url}/r/${run}?x=step`)).toBe(text)
    const { body } = await tracker.send('GET', `/runs/${run}`)
    expect(await edgerun.json('show', run)).toEqual(body)
  })
})

describe('tail', () => {
  it('prints each point once while a run goes on, and ends with it', async () => {
    const child = start([path.join(import.meta.dirname, 'python/live_run.py')], edgerun.env)
    let out = ''
    child.stdout?.on('data', (chunk) => (out += chunk))
    await until('the run has an id', () => out.includes('\n'))
    const run = out.trim()
    const tell = (steps: number[]) => child.stdin?.write(steps.map((step) => `${step}\n`).join(''))
    tell([0, 1, 2])
    await until('the tracker has them', async () => {
      const { body } = await tracker.send('GET', `/runs/${run}/metrics/loss`)
      return Array.isArray(body) && body.length === 3
    })

    const tail = edgerun.start('tail', run, '--interval', '0.1', '--metric', 'loss', '--json')
    let seen = ''
    tail.stdout?.on('data', (chunk) => (seen += chunk))
    const done = ended(tail)
    await until('the last point is seen', () => seen.includes('"step": 2'))
    for (const step of [3, 4, 5]) {
      tell([step])
      await until('it is seen', () => seen.includes(`"step": ${step}`))
    }
    tell([6, 7, 8])
    child.stdin?.end()
    expect((await done).code).toBe(0)
    const points = seen
      .trimEnd()
      .split('\n')
      .map((line): { name: string; step: number; value: number } => JSON.parse(line))
    expect(points.map(({ name, step, value }) => [name, step, value])).toEqual(
      [2, 3, 4, 5, 6, 7, 8].map((step) => ['loss', step, 1 / (step + 1)]),
    )
    expect(await edgerun.output('tail', run, '--from-step', '8')).toMatch(
      /^\S+Z {2}step 8 {2}loss {2}0\.111111\n\S+Z {2}step 8 {2}train\/acc {2}NaN\nThe run is completed\n$/,
    )
  })
})

describe('export', () => {
  it('writes all points, those of one metric, and a file that is whole or not there', async () => {
    const { runs } = await sweep([[3, 1 / 3]])
    const [run = ''] = runs
    // JSON.stringify has no -0.
    await fetch(`${tracker.url}/runs/${run}/metrics`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"rank": 2, "series": [{"name": "x", "steps": [7], "values": [-0.0], "timestamps": [0]}]}',
    })
    const lines = (await edgerun.output('export', run, '--csv')).split('\n')
    expect(lines).toEqual([
      'name,rank,attempt,step,value,timestamp',
      expect.stringMatching(/^train\/loss,0,0,0,3,20\S+Z$/),
      expect.stringMatching(/^train\/loss,0,0,1,0\.3333333333333333,20\S+Z$/),
      'x,2,0,7,-0.0,1970-01-01T00:00:00.000Z',
      '',
    ])
    const file = path.join(folder, 'x.jsonl')
    await edgerun.output('export', run, '--jsonl', '--metric', 'x', '-o', file)
    expect(await readFile(file, 'utf8')).toBe(
      '{"name": "x", "rank": 2, "attempt": 0, "step": 7, "value": -0.0, "timestamp": "1970-01-01T00:00:00.000Z"}\n',
    )
    // A link stays one.
    const link = path.join(folder, 'link.jsonl')
    await symlink('x.jsonl', link)
    await edgerun.output('export', run, '--jsonl', '-o', link)
    expect(await readlink(link)).toBe('x.jsonl')
    expect((await readFile(file, 'utf8')).split('\n')).toHaveLength(4)
    const { code, err } = await edgerun.run(
      'export',
      run,
      '--csv',
      '--metric',
      'y',
      '-o',
      path.join(folder, 'y.csv'),
    )
    expect([code, err]).toEqual([2, 'edgerun: The run has no metric y\n'])
    await expect(readFile(path.join(folder, 'y.csv'))).rejects.toThrow('ENOENT')
  })

  it('has every attempt of a job that went on from a checkpoint, and import takes them over', async () => {
    const { runs } = await sweep([[5, 4, 3, 2]])
    const [run = ''] = runs
    await post(`/runs/${run}/metrics`, {
      attempt: 1,
      series: [{ name: 'train/loss', steps: [2, 3], values: [2.5, 1.5] }],
    })
    const file = path.join(folder, 'attempts.csv')
    await edgerun.output('export', run, '--csv', '-o', file)
    const text = await readFile(file, 'utf8')
    const rows = text.trimEnd().split('\n').slice(1)
    expect(rows.map((line) => line.split(',').slice(1, 5).map(Number))).toEqual([
      [0, 0, 0, 5],
      [0, 0, 1, 4],
      [0, 0, 2, 3],
      [0, 0, 3, 2],
      [0, 1, 2, 2.5],
      [0, 1, 3, 1.5],
    ])
    const { runs: imported } = await edgerun.json<{ runs: { id: string }[] }>(
      'import',
      file,
      '--owner',
      'again',
    )
    expect(await edgerun.output('export', imported[0]?.id ?? '', '--csv')).toBe(text)
    await tracker.send('PATCH', `/runs/${run}`, { status: 'completed' })
    const tailed = (await edgerun.output('tail', run, '--json')).trimEnd().split('\n')
    expect(tailed.map((line) => JSON.parse(line))).toMatchObject([{ attempt: 1, step: 3, value: 1.5 }])
  })

  it('ends quietly when nobody reads on', async () => {
    const { runs } = await sweep([Array.from({ length: 20_000 }, (_, i) => i)])
    const { env } = edgerun
    const script = `python3 -W ignore -m edgerun.cli export ${runs[0]} --csv | head -n 1; echo "$?"`
    const child = start(
      ['-c', 'import subprocess, sys; sys.exit(subprocess.call(sys.argv[1], shell=True))', script],
      env,
    )
    expect(await ended(child)).toEqual({
      code: 0,
      out: 'name,rank,attempt,step,value,timestamp\n0\n',
      err: '',
    })
  })
})

describe('exit codes and progress', () => {
  it('are 1 where it failed, and 2 where it was asked for something that makes no sense', async () => {
    const missing = '00000000-0000-4000-8000-000000000000'
    const outcome = async (...args: string[]) => {
      const { code, out, err } = await edgerun.run(...args)
      expect(out).toBe('')
      return [code, err.trimEnd().split('\n').at(-1)]
    }
    expect(await outcome('show', missing)).toEqual([1, 'edgerun: 404 Run not found'])
    expect(await outcome('show', 'digits')).toEqual([
      2,
      expect.stringMatching(/'digits' is neither the id of a run/),
    ])
    expect(await outcome('ls', 'nothing of this name')).toEqual([
      2,
      expect.stringMatching(/There is no experiment/),
    ])
    expect(await outcome('sync', path.join(folder, 'nowhere'))).toEqual([
      1,
      expect.stringMatching(/No such file or directory/),
    ])
    expect(await outcome('ls', '--filter', 'x')).toEqual([2, expect.stringMatching(/name the EXPERIMENT/)])
    const { id } = await sweep([])
    expect(await outcome('ls', id, '--filter', 'metrics.')).toEqual([
      1,
      expect.stringMatching(/^edgerun: 422 /),
    ])
    expect(await outcome('export', missing)).toEqual([
      2,
      expect.stringMatching(/one of the arguments --csv --jsonl/),
    ])
    expect(await outcome('dance')).toEqual([2, expect.stringMatching(/invalid choice: 'dance'/)])
    expect(await outcome('show', missing, '--uri', 'ftp://tracker')).toEqual([
      2,
      expect.stringMatching(/address/),
    ])
  })

  it('draws a bar on a terminal, and nothing anywhere else', async () => {
    const rows = Array.from({ length: 30_000 }, (_, step) => JSON.stringify({ step, loss: step }))
    const file = path.join(folder, 'long.jsonl')
    await writeFile(file, rows.join('\n'))
    const onTerminal =
      'import pty, sys; sys.exit(pty.spawn([sys.executable, "-m", "edgerun.cli", *sys.argv[1:]]) >> 8)'
    const shown = await ended(start(['-c', onTerminal, 'import', file, '--owner', 'bar'], edgerun.env))
    expect(shown).toMatchObject({
      code: 0,
      out: expect.stringMatching(/\rimport long\.jsonl {2}[\d,]+/),
    })
    const { err } = await edgerun.run('import', file, '--owner', 'bar')
    expect(err).toBe('')
  })
})

describe('system metrics', () => {
  const script = path.join(import.meta.dirname, 'python/system_metrics.py')

  it('tell what the machine and its GPUs do, and tags where a run comes from', async () => {
    const bin = path.join(folder, 'bin')
    const project = path.join(folder, 'project')
    await mkdir(bin)
    await mkdir(project)
    await writeFile(
      path.join(bin, 'nvidia-smi'),
      `#!/bin/sh
case "$*" in
  *index,utilization.gpu,memory.used,memory.total,power.draw,temperature.gpu*csv,noheader,nounits*)
    echo '0, 87, 20480, 40960, 251.5, 61'
    echo '1, 0, 0, 40960, [N/A], [Not Supported]' ;;
  *) exit 1 ;;
esac
`,
    )
    await chmod(path.join(bin, 'nvidia-smi'), 0o755)
    const git = 'git -c user.name=a -c user.email=a@example.com'
    await shell(`cd ${project} && git init -q && cp ${script} train.py && git add . && ${git} commit -qm one &&
      git remote add origin https://user:token@example.com/team/digits.git && printf '\\n# one\\n# two\\n' >> train.py`)
    const commit = (await shell(`git -C ${project} rev-parse HEAD`)).stdout.trim()
    const env = { ...edgerun.env, PATH: `${bin}:${process.env.PATH}` }
    const secrets = [
      '--api-key',
      'hunter 2',
      'er_secret',
      'TOKEN=x',
      '--url=http://me:pass@host/a b',
      '--token',
    ]
    const { code, out, err } = await ended(start(['train.py', 'on', ...secrets], env, 'python3', project))
    expect([code, err]).toEqual([0, ''])
    const run = out.trim()

    const { tags } = await edgerun.json<{ tags: Record<string, string> }>('show', run)
    expect(tags).toEqual({
      host: expect.any(String),
      command: expect.stringMatching(
        /python\S* .*train\.py on --api-key \*{3} er_\*{3} TOKEN=\*{3} '--url=http:\/\/host\/a b' --token$/,
      ),
      python: 'mine',
      platform: expect.any(String),
      git_commit: commit,
      git_diff_lines: '3',
      git_repo: 'https://example.com/team/digits.git',
    })

    const points = await pointsOf(tracker.url, run)
    expect(points.loss?.map(({ step }) => step)).toEqual([0, 1])
    const last = (name: string) => Number(points[`system/${name}`]?.at(-1)?.value)
    const first = (name: string) => Number(points[`system/${name}`]?.at(0)?.value)
    expect({
      utilization: [last('gpu_0_utilization_percentage'), last('gpu_1_utilization_percentage')],
      used: last('gpu_0_memory_usage_megabytes'),
      share: last('gpu_0_memory_usage_percentage'),
      watts: last('gpu_0_power_usage_watts'),
      celsius: last('gpu_0_temperature_celsius'),
    }).toEqual({ utilization: [87, 0], used: 21_474.83648, share: 50, watts: 251.5, celsius: 61 })
    expect(
      Object.keys(points)
        .filter((name) => name.startsWith('system/gpu_1_'))
        .sort(),
    ).toEqual([
      'system/gpu_1_memory_usage_megabytes',
      'system/gpu_1_memory_usage_percentage',
      'system/gpu_1_utilization_percentage',
    ])
    expect(last('process_cpu_utilization_percentage')).toBeGreaterThan(5)
    expect(last('process_memory_usage_megabytes')).toBeGreaterThan(60)
    for (const share of [
      'cpu_utilization_percentage',
      'system_memory_usage_percentage',
      'disk_usage_percentage',
    ]) {
      expect(last(share)).toBeGreaterThan(0)
      expect(last(share)).toBeLessThanOrEqual(100)
    }
    for (const sum of ['network_receive_megabytes', 'network_transmit_megabytes', 'disk_write_megabytes']) {
      expect(last(sum)).toBeGreaterThanOrEqual(first(sum))
    }
  })

  it('are off by one argument', async () => {
    const { code, out } = await ended(start([script, 'off'], edgerun.env))
    expect(code).toBe(0)
    const run = out.trim()
    expect(Object.keys(await pointsOf(tracker.url, run))).toEqual(['loss'])
    expect(await edgerun.json('show', run)).toMatchObject({ tags: { python: 'mine' } })
  })
})
