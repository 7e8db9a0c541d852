/** The workspace that there is from the beginning, and of which all is where nobody says otherwise. */
export const DEFAULT_WORKSPACE = { id: 1, name: 'default' }
