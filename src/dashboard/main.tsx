import { QueryClientProvider } from '@tanstack/react-query'
import { render } from 'preact'
import { App } from './app.tsx'
import { queries } from './queries.ts'
import './style.css'

const root = document.getElementById('page')
if (root) {
  render(
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>,
    root,
  )
}
