import { type SQL, sql } from 'drizzle-orm'
import type { Db, Scope } from '../db/database.ts'
import { type PageQuery, type Placed, pageStatement } from '../search/page.ts'
import { MODEL, type ModelRow } from './rows.ts'

type Model = { model: ModelRow } & Record<string, unknown>
type Name = { name: string } & Record<string, unknown>

/** Lazy statements on registered models; a batch or a unit of work sends them. */
export class RegisteredModelRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  /**
   * Makes others who change the model, or its versions, wait until the transaction ends. What follows in the batch sees
   * all that they did: a statement sees what was committed when it began.
   */
  lock(name: string) {
    return this.#db.execute<Name>(
      sql`select name from registered_models where ${this.#is(name)} for no key update`,
    )
  }

  /** Creates a model unless the name is taken; `creation_id` of the one that is there tells whose it is. */
  insert(model: {
    name: string
    description: string | null
    tags: Record<string, string>
    creationId: string
  }) {
    const { name, description, tags, creationId } = model
    return this.#db.execute(sql`
      insert into registered_models (workspace_id, name, description, tags, creation_id)
      values (${this.#scope.workspace}, ${name}, ${description}, ${JSON.stringify(tags)}::jsonb, ${creationId}::uuid)
      on conflict (workspace_id, name) do nothing`)
  }

  find(name: string) {
    return this.#db.execute<Model>(
      sql`select ${MODEL} as model from registered_models as m where m.workspace_id = ${this.#scope.workspace} and m.name = ${name}`,
    )
  }

  /** Sets the description; gives the model as it is then. */
  describe(name: string, description: string) {
    return this.#db.execute<Model>(sql`
      with m as (
        update registered_models set description = ${description}, updated_at = now() where ${this.#is(name)} returning *
      )
      select ${MODEL} as model from m`)
  }

  /** Renames a model, and with it its versions. A name that is taken violates the key. */
  rename(name: string, to: string) {
    return this.#db.execute<Name>(sql`
      update registered_models set name = ${to}, updated_at = now() where ${this.#is(name)} returning name`)
  }

  /** Deletes a model and, by cascade, its versions. */
  delete(name: string) {
    return this.#db.execute<Name>(sql`delete from registered_models where ${this.#is(name)} returning name`)
  }

  /** Says that the model changed because one of its versions did, if there is that version. */
  touch(name: string, version: number) {
    return this.#update(name, sql`updated_at = now()`, this.#hasVersion(name, version))
  }

  setTag(name: string, key: string, value: string) {
    return this.#update(name, sql`tags = tags || jsonb_build_object(${key}::text, ${value}::text)`)
  }

  deleteTag(name: string, key: string) {
    return this.#update(name, sql`tags = tags - ${key}::text`)
  }

  /** Lets an alias stand for a version; no row where there is no such version. After `lock`. */
  setAlias(name: string, alias: string, version: number) {
    return this.#update(
      name,
      sql`aliases = aliases || jsonb_build_object(${alias}::text, ${version}::int)`,
      this.#hasVersion(name, version),
    )
  }

  deleteAlias(name: string, alias: string) {
    return this.#update(name, sql`aliases = aliases - ${alias}::text`)
  }

  /** Removes the aliases of a version that is about to be deleted. After `lock`. */
  forget(name: string, version: number) {
    const kept = sql`
      select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(aliases) where value <> to_jsonb(${version}::int)`
    return this.#update(name, sql`aliases = (${kept}), updated_at = now()`, this.#hasVersion(name, version))
  }

  /** A page of models. */
  search(query: Pick<PageQuery, 'conditions' | 'order' | 'after' | 'limit'>) {
    return this.#db.execute<{ row: ModelRow } & Placed & Record<string, unknown>>(
      pageStatement({
        ...query,
        conditions: [sql`m.workspace_id = ${this.#scope.workspace}`, ...query.conditions],
        key: sql`m.name`,
        from: sql`registered_models as m`,
        row: MODEL,
        read: sql`registered_models as m on m.workspace_id = ${this.#scope.workspace} and m.name = placed.key`,
      }),
    )
  }

  #update(name: string, set: SQL, condition = sql`true`) {
    return this.#db.execute<Name>(
      sql`update registered_models set ${set} where ${this.#is(name)} and ${condition} returning name`,
    )
  }

  #is(name: string): SQL {
    return sql`registered_models.workspace_id = ${this.#scope.workspace} and registered_models.name = ${name}`
  }

  #hasVersion(name: string, version: number): SQL {
    return sql`exists (
      select from model_versions as v
      where v.workspace_id = ${this.#scope.workspace} and v.name = ${name} and v.version = ${version}::int
    )`
  }
}
