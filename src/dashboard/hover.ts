/** The run that the pointer is on, in a table or on a curve: both show it. */
import { signal } from '@preact/signals'

export const hovered = signal<string | null>(null)
