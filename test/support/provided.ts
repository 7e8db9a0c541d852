import 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** `http://host:port` of the gateway. */
    gateway: string
    /** Postgres URL of a database from which new ones can be made. */
    adminUrl: string
    /** Name of the migrated database that each test file clones. */
    template: string
  }
}
