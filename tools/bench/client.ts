/** MLflow's own Python client, in a process that is counted with the load generator. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Bench } from './bench.ts'
import { PYTHON } from './mlflow.ts'

/** A history that it has read. */
export interface Read {
  points: number
  /** Of all values. */
  sum: number
  /** CPU seconds that the client itself has worked. */
  own: number
}

export class Client {
  readonly #ask: (line: string) => Promise<string>

  private constructor(ask: (line: string) => Promise<string>) {
    this.#ask = ask
  }

  static start(bench: Bench): Client {
    const names = Object.keys(process.env).filter((name) => !/^(MLFLOW_|PYTHON|DATABASE_URL$)/.test(name))
    const child = spawn(PYTHON, ['-W', 'ignore', path.join(import.meta.dirname, 'client.py')], {
      env: {
        ...Object.fromEntries(names.map((name) => [name, process.env[name]])),
        MLFLOW_DISABLE_TELEMETRY: 'true',
        DO_NOT_TRACK: 'true',
        // A server that fails must be seen failing.
        MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0',
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    // It ends when there is nothing more to be told.
    bench.stack.defer(async () => {
      child.stdin.end()
      child.kill('SIGTERM')
      await ended.catch(() => {})
    })
    child.stdin.on('error', () => {})
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return new Client(async (line) => {
      child.stdin.write(`${line}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error("MLflow's client has ended")
      return value
    })
  }

  /** `MlflowClient.get_metric_history`, which asks for pages of 25,000 points. */
  async history(uri: string, run: string, key: string): Promise<Read> {
    return JSON.parse(await this.#ask(JSON.stringify({ uri, run, key })))
  }
}
