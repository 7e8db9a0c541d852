/** One tracker, with one of each thing that requests can name. */
import { readFile } from 'node:fs/promises'
import { PROJECT, Tracker } from '../system/support.ts'
import { type Answer, type Request, request } from './http.ts'

export class Stage {
  readonly tracker: Tracker
  /** What `{experiment}`, `{run}` and so on in a request stand for. */
  readonly names: Record<string, string>
  /** What no answer tells: where the tracker and its data lie, and how it reaches its database. */
  readonly secrets: string[]

  private constructor(tracker: Tracker, names: Record<string, string>, secrets: string[]) {
    this.tracker = tracker
    this.names = names
    this.secrets = secrets
  }

  static async start(): Promise<Stage> {
    // Nothing is sealed or removed meanwhile: what the database holds changes only by what is sent.
    const tracker = await Tracker.start({ env: { EDGERUN_CRON_SECONDS: '86400' } })
    const names: Record<string, string> = {}
    const { username, password, host } = new URL((await tracker.postgres()).url)
    const secrets = [tracker.data, PROJECT, `${username}:${password}`, password, host]
    const stage = new Stage(tracker, names, secrets)
    const mlflow = '/api/2.0/mlflow'
    const experiment = await stage.json<{ id: string; runs: [{ id: string }] }>('POST', '/experiments', {
      name: 'stage',
      owner: 'alice',
      run: { name: 'first', params: { lr: 0.1 }, tags: { host: 'a' } },
    })
    names.experiment = experiment.id
    names.run = experiment.runs[0].id
    names.hexExperiment = experiment.id.replaceAll('-', '')
    names.hexRun = experiment.runs[0].id.replaceAll('-', '')
    await stage.json('POST', '/runs/{run}/metrics', { metrics: [{ name: 'loss', step: 1, value: 0.5 }] })
    // MLflow's default experiment comes into being when it is first looked for.
    await stage.json('POST', `${mlflow}/experiments/search`, { max_results: 1 })
    await stage.json('POST', `${mlflow}/registered-models/create`, { name: 'net' })
    await stage.json('POST', `${mlflow}/model-versions/create`, { name: 'net', source: 's3://bucket/model' })
    await stage.json('POST', `${mlflow}/model-versions/create`, {
      name: 'net',
      source: `mlflow-artifacts:/${names.hexExperiment}/${names.hexRun}/artifacts`,
      run_id: names.hexRun,
    })
    const { model } = await stage.json<{ model: { info: { model_id: string } } }>(
      'POST',
      `${mlflow}/logged-models`,
      {
        experiment_id: names.hexExperiment,
        name: 'logged',
      },
    )
    names.model = model.info.model_id
    await stage.json(
      'PUT',
      '/api/2.0/mlflow-artifacts/artifacts/{hexExperiment}/{hexRun}/artifacts/kept.txt',
      {
        kept: true,
      },
    )
    const upload = await stage.json<{ upload_id: string }>(
      'POST',
      '/api/2.0/mlflow-artifacts/mpu/create/{hexExperiment}',
      {
        path: 'parts.bin',
      },
    )
    names.upload = upload.upload_id
    return stage
  }

  /** A text with its names in place. */
  fill(text: string): string {
    return text.replace(/\{(\w+)\}/g, (whole, name) => this.names[name] ?? whole)
  }

  /** Sends a request, with names in its target. */
  send(sent: Request): Promise<Answer> {
    return request(this.tracker.port, { ...sent, target: this.fill(sent.target) })
  }

  /** Sends what has to work; gives its JSON, of which the caller knows what it is. */
  async json<Body>(method: string, target: string, body?: unknown): Promise<Body> {
    const { status, body: answer } = await this.send({
      method,
      target,
      ...(body !== undefined && {
        headers: { 'Content-Type': 'application/json' },
        body: this.fill(JSON.stringify(body)),
      }),
    })
    if (status >= 300) throw new Error(`${method} ${target}: ${status} ${answer}`)
    return JSON.parse(String(answer) || 'null')
  }

  /** All that is stored, as a digest a table and the list of all files: the same as long as nothing is written. */
  async stored(): Promise<Record<string, unknown>> {
    const tables = await this.tracker.query(
      "select table_name from information_schema.tables where table_schema = 'public' order by table_name",
    )
    const digests = tables.map(
      ({ table_name: name }) =>
        `select '${name}' as name, count(*)::int as count, md5(string_agg(t::text, '|' order by t::text)) as digest from "${name}" t`,
    )
    return { rows: await this.tracker.query(digests.join(' union all ')), files: await this.files('') }
  }

  /** All files below a folder of the store. */
  async files(folder: string): Promise<string[]> {
    const target = `/api/2.0/mlflow-artifacts/artifacts?path=${encodeURIComponent(folder)}`
    const { files = [] } = await this.json<{
      files?: { path: string; is_dir: boolean; file_size?: number }[]
    }>('GET', target)
    const below = files.map(({ path, is_dir, file_size }) => {
      const whole = folder === '' ? path : `${folder}/${path.slice(path.lastIndexOf('/') + 1)}`
      return is_dir ? this.files(whole) : [`${whole} ${file_size ?? 0}`]
    })
    return (await Promise.all(below)).flat()
  }

  /** What workerd has in memory, in MiB. */
  async memory(): Promise<number> {
    let kilobytes = 0
    for (const pid of (await this.tracker.processes()).keys()) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      if (!/workerd/.test(command.split('\0')[0] ?? '')) continue
      const status = await readFile(`/proc/${pid}/status`, 'utf8')
      kilobytes += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0)
    }
    if (kilobytes === 0) throw new Error('There is no workerd')
    return Math.round(kilobytes / 1024)
  }
}
