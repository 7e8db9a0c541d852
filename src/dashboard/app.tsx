/** The page: who looks, the line at its top, and the view that the address asks for. */
import { useQueryClient } from '@tanstack/react-query'
import type { FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { LocationProvider, lazy, Route, Router } from 'preact-iso'
import { Experiments } from './experiments/experiments.tsx'
import { findSession, session, signOut } from './session.ts'
import { SignIn } from './sign-in.tsx'
import { Confirmation } from './ui/confirm.tsx'
import { Notices } from './ui/notices.tsx'
import { Empty, Failure } from './ui/parts.tsx'
import { Shortcuts } from './ui/shortcuts.tsx'

/** A view whose scripts come when it is wanted. They may be gone: after a deploy there are others. */
const view = <P,>(load: () => Promise<FunctionComponent<P>>) =>
  lazy(() => load().catch((): FunctionComponent<P> => NotLoaded))

const Experiment = view(() => import('./experiment/experiment.tsx').then(({ Experiment }) => Experiment))
const Compare = view(() => import('./compare/compare.tsx').then(({ Compare }) => Compare))
const Run = view(() => import('./run/run.tsx').then(({ Run }) => Run))
const Start = view(() => import('./start/start.tsx').then(({ Start }) => Start))

// The view that is asked for comes while it is being found out who looks.
const asked = location.pathname
const views: [RegExp, { preload: () => unknown }][] = [
  [/^\/e\/[^/]+\/compare$/, Compare],
  [/^\/e\/[^/]+$/, Experiment],
  [/^\/r\//, Run],
  [/^\/start$/, Start],
]
views.find(([path]) => path.test(asked))?.[1].preload()

/** Paths that are views of this page; what else there is on this origin is not. */
const VIEWS = /^\/($|e\/|r\/|start$)/

export function App() {
  const [error, fail] = useState<unknown>()
  const queries = useQueryClient()
  const who = session.value
  const find = () => {
    fail(undefined)
    findSession().catch(fail)
  }
  useEffect(find, [])
  // What was read for one key is not for the next.
  useEffect(() => {
    if (who === null) queries.clear()
  }, [who, queries])
  if (error) return <Failure error={error} again={find} />
  if (who === undefined) return null
  if (who === null) return <SignIn />
  return (
    <LocationProvider scope={VIEWS}>
      <header class="top">
        <a href="/" class="brand">
          Edgerun
        </a>
        <nav aria-label="Main">
          <a href="/">Experiments</a>
          <a href="/start">Getting started</a>
          <a href="/docs/">API</a>
        </nav>
        {who.key_id !== null && (
          <span class="who">
            {who.name} <span class="faint">in {who.workspace}</span>
            <button type="button" class="quiet" onClick={signOut}>
              Sign out
            </button>
          </span>
        )}
      </header>
      <Router>
        <Route path="/" component={Experiments} />
        <Route path="/e/:id" component={Experiment} />
        <Route path="/e/:id/compare" component={Compare} />
        <Route path="/r/:id" component={Run} />
        <Route path="/start" component={Start} />
        <Route default component={NotFound} />
      </Router>
      <Shortcuts />
      <Notices />
      <Confirmation />
    </LocationProvider>
  )
}

function NotLoaded() {
  return (
    <main>
      <Empty title="This view could not be loaded">
        <p>The tracker does not answer, or has a newer page by now.</p>
        <button type="button" onClick={() => location.reload()}>
          Load the page again
        </button>
      </Empty>
    </main>
  )
}

function NotFound() {
  return (
    <main>
      <Empty title="There is nothing here">
        <p>
          <a href="/">See all experiments</a>
        </p>
      </Empty>
    </main>
  )
}
