/** What an experiment without runs shows: the lines that log the first one to it. */
import { useMemo, useState } from 'preact/hooks'
import { session } from '../session.ts'
import { Copy, Empty } from '../ui/parts.tsx'

function linesFor(url: string, experiment: string, needsKey: boolean): Record<string, string> {
  const run = crypto.randomUUID()
  const header = needsKey ? ` \\\n  -H "Authorization: Bearer $EDGERUN_KEY"` : ''
  const json = ` \\\n  -H 'Content-Type: application/json'`
  const python = needsKey ? `, "Authorization": "Bearer " + os.environ["EDGERUN_KEY"]` : ''
  return {
    curl: `curl ${url}/experiments/${experiment}/runs${header}${json} \\
  -d '{"id": "${run}", "name": "first", "params": {"lr": 0.1}}'
curl ${url}/runs/${run}/metrics${header}${json} \\
  -d '{"metrics": [{"name": "loss", "step": 1, "value": 0.5}, {"name": "loss", "step": 2, "value": 0.25}]}'`,
    Python: `import json, math, os, urllib.request

def post(path, body):
    request = urllib.request.Request("${url}" + path, json.dumps(body).encode(),
                                     {"Content-Type": "application/json"${python}})
    return json.load(urllib.request.urlopen(request))

run = post("/experiments/${experiment}/runs", {"name": "first", "params": {"lr": 0.1}})
for step in range(100):
    post(f"/runs/{run['id']}/metrics", {"metrics": [{"name": "loss", "step": step, "value": math.exp(-step / 30)}]})`,
  }
}

export function NoRuns({ experiment }: { experiment: string }) {
  const needsKey = session.value?.key_id !== null
  const lines = useMemo(() => linesFor(location.origin, experiment, needsKey), [experiment, needsKey])
  const [shown, show] = useState('curl')
  const text = lines[shown] ?? ''
  return (
    <Empty title="No run yet">
      <p>These lines log a first one here. It appears by itself.</p>
      <div class="bar">
        {Object.keys(lines).map((name) => (
          <button type="button" key={name} aria-pressed={name === shown} onClick={() => show(name)}>
            {name}
          </button>
        ))}
        <Copy text={text} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
      <pre tabIndex={0}>{text}</pre>
    </Empty>
  )
}
