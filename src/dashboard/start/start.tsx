/** The lines that log a first point, with the address of this tracker in them. */
import { useMemo, useState } from 'preact/hooks'
import { session } from '../session.ts'
import { Copy } from '../ui/parts.tsx'

interface Way {
  name: string
  language: string
  lines: string
}

/** @param key what to say in the place of a key, where one is needed */
function waysTo(url: string, key: string | undefined): Way[] {
  const [experiment, run] = [crypto.randomUUID(), crypto.randomUUID()]
  const header = key ? ` \\\n  -H "Authorization: Bearer ${key}"` : ''
  const json = ` \\\n  -H 'Content-Type: application/json'`
  const variable = key ? `export MLFLOW_TRACKING_TOKEN=${key}\n` : ''
  const python = key ? `, "Authorization": "Bearer ${key}"` : ''
  return [
    {
      name: 'curl',
      language: 'Shell',
      lines: `curl ${url}/experiments${header}${json} \\
  -d '{"id": "${experiment}", "name": "hello", "owner": "me"}'
curl ${url}/experiments/${experiment}/runs${header}${json} \\
  -d '{"id": "${run}", "name": "first", "params": {"lr": 0.1}}'
curl ${url}/runs/${run}/metrics${header}${json} \\
  -d '{"metrics": [{"name": "loss", "step": 1, "value": 0.5}, {"name": "loss", "step": 2, "value": 0.25}]}'`,
    },
    {
      name: 'Python',
      language: 'Python, with nothing installed',
      lines: `import json, math, urllib.request

def post(path, body):
    request = urllib.request.Request("${url}" + path, json.dumps(body).encode(),
                                     {"Content-Type": "application/json"${python}})
    return json.load(urllib.request.urlopen(request))

experiment = post("/experiments", {"name": "hello", "owner": "me"})
run = post(f"/experiments/{experiment['id']}/runs", {"name": "first", "params": {"lr": 0.1}})
for step in range(100):
    post(f"/runs/{run['id']}/metrics", {"metrics": [{"name": "loss", "step": step, "value": math.exp(-step / 30)}]})`,
    },
    {
      name: 'MLflow',
      language: 'Python, with mlflow installed',
      lines: `${variable}export MLFLOW_TRACKING_URI=${url}

python - <<'END'
import math, mlflow

mlflow.set_experiment("hello")
with mlflow.start_run(run_name="first"):
    mlflow.log_param("lr", 0.1)
    for step in range(100):
        mlflow.log_metric("loss", math.exp(-step / 30), step=step)
END`,
    },
  ]
}

export function Start() {
  const needsKey = session.value?.key_id !== null
  const ways = useMemo(() => waysTo(location.origin, needsKey ? '$EDGERUN_KEY' : undefined), [needsKey])
  const [shown, show] = useState('curl')
  const way = ways.find(({ name }) => name === shown)
  return (
    <main class="start">
      <h1>Getting started</h1>
      <p>Paste these where your job runs, then look at the experiment called “hello”.</p>
      {needsKey && (
        <p>
          This tracker asks for a key: <code>export EDGERUN_KEY=er_…</code>, of scope <code>write</code>.
          Whoever runs the tracker makes one with <code>npm run keys -- make --name me --scope write</code>.
          In Python, put it in the place of <code>$EDGERUN_KEY</code>.
        </p>
      )}
      <div class="tabs" role="tablist">
        {ways.map(({ name }) => (
          <button
            type="button"
            key={name}
            role="tab"
            id={`way-${name}`}
            aria-selected={name === shown}
            aria-controls="lines"
            onClick={() => show(name)}
          >
            {name}
          </button>
        ))}
      </div>
      {way && (
        <section id="lines" role="tabpanel" aria-labelledby={`way-${way.name}`}>
          <div class="bar">
            <span class="faint">{way.language}</span>
            <Copy text={way.lines} />
          </div>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
          <pre tabIndex={0}>{way.lines}</pre>
        </section>
      )}
    </main>
  )
}
