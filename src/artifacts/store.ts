/** The store of artifacts, an R2 bucket. A key is the path behind `mlflow-artifacts:/`, in the folder of its workspace. */
import type { Env } from '../env.ts'
import { TrackerError } from '../errors.ts'
import type { AppContext } from '../http/context.ts'
import { granted } from '../keys/access.ts'
import { DEFAULT_WORKSPACE } from '../keys/workspaces.ts'
import { limitsOf } from '../limits.ts'
import { fill } from './body.ts'
import { fileName } from './path.ts'

/** The most that R2 takes in one piece: 5 GiB less 5 MiB. https://developers.cloudflare.com/r2/platform/limits/ */
const MAX_PUT = 5 * 1024 ** 3 - 5 * 1024 ** 2

/**
 * What is held of an upload whose length nobody knows, and the size of its parts in R2, which has to be the same for
 * all but the last, 5 MiB or more; 10,000 of them are 80 GiB. Two are in memory at a time: one is sent, one is filled.
 */
const PART = 8 * 1024 ** 2

/** As much is read of such an upload before memory is taken for a whole part: MLflow's client sends empty files so. */
const SMALL = 256 * 1024

/** How many entries of one folder are listed: they are sorted in memory, of which a Worker has 128 MB. */
const MAX_LISTED = 100_000

/** R2's own codes. https://developers.cloudflare.com/r2/api/error-codes/ */
const NO_SUCH_UPLOAD = 10024
const UNSATISFIABLE = 10039
const FAULTS: Record<number, string> = {
  10011: 'Each part but the last one must have at least 5 MiB',
  10020: 'Invalid path: with the place where it lies it has more than 1,024 bytes',
  10025: 'A part is missing, or was sent again since',
  10048: 'All parts but the last one must have the same size',
  100100: 'This is more than the store takes in one piece',
}

/** A file or a folder, by its name in the folder that was listed. */
export interface Entry {
  name: string
  /** In bytes; a folder has none. */
  size: number | undefined
}

/** A part that was uploaded, as its route told. */
export interface Part {
  partNumber: number
  etag: string
}

/** Where a page of a walk through the store begins, and what it finds. */
export interface Page {
  objects: { key: string; uploaded: Date }[]
  next: string | undefined
}

/** Begins the folder of a workspace. */
const FOREIGN = '#'

/** The store of the caller's workspace. */
export const ownStore = async (c: AppContext) => new ArtifactStore(c.env, (await granted(c)).workspace)

/** @throws TrackerError from all of its methods, for what the caller can understand or retry */
export class ArtifactStore {
  readonly #bucket: R2Bucket
  /** What the keys of the workspace begin with. No path that a client can name has such a beginning: see path.ts. */
  readonly #root: string
  readonly #maxBytes: number

  constructor(env: Env, workspace: number) {
    if (!env.ARTIFACTS) {
      throw new TrackerError('unavailable', 'The tracker has no bucket for artifacts: ARTIFACTS is not bound')
    }
    this.#bucket = env.ARTIFACTS
    this.#maxBytes = limitsOf(env).MAX_ARTIFACT_BYTES
    // The files of the first workspace lie where they lay before there were others.
    this.#root = workspace === DEFAULT_WORKSPACE.id ? '' : `${FOREIGN}${workspace}/`
  }

  /** Undefined where there is no such file. */
  async head(key: string): Promise<R2Object | undefined> {
    return (await asked(this.#bucket.head(this.#root + key))) ?? undefined
  }

  /** A file to be read; undefined where there is none. */
  async get(key: string): Promise<R2ObjectBody | undefined> {
    return (await asked(this.#bucket.get(this.#root + key))) ?? undefined
  }

  /** A range of a file, as `get`; "unsatisfiable" where the range begins behind the file's end. */
  async getRange(key: string, range: R2Range): Promise<R2ObjectBody | 'unsatisfiable' | undefined> {
    try {
      return (await this.#bucket.get(this.#root + key, { range })) ?? undefined
    } catch (error) {
      if (codeOf(error) === UNSATISFIABLE || (await this.#endsBefore(key, range))) return 'unsatisfiable'
      throw translated(error)
    }
  }

  /** Of a range that begins right at the end, as every one of an empty file does, R2 does not always say what is wrong. */
  async #endsBefore(key: string, range: R2Range): Promise<boolean> {
    const object = 'suffix' in range ? undefined : await this.head(key)
    return object !== undefined && 'offset' in range && (range.offset ?? 0) >= object.size
  }

  /** Whether anything lies below a folder. */
  async isFolder(key: string): Promise<boolean> {
    const { objects } = await asked(this.#bucket.list({ prefix: this.#root + folder(key), limit: 1 }))
    return objects.length > 0
  }

  /** What lies in a folder, by name. */
  async list(key: string): Promise<Entry[]> {
    const prefix = this.#root + folder(key)
    const entries: Entry[] = []
    for (let cursor: string | undefined; ; ) {
      const page: R2Objects = await asked(
        this.#bucket.list({ prefix, delimiter: '/', ...(cursor !== undefined && { cursor }) }),
      )
      for (const each of page.delimitedPrefixes) {
        const name = fileName(each.slice(0, -1))
        if (prefix !== '' || !name.startsWith(FOREIGN)) entries.push({ name, size: undefined })
      }
      for (const { key, size } of page.objects) entries.push({ name: fileName(key), size })
      if (!page.truncated) break
      if (entries.length >= MAX_LISTED) {
        throw new TrackerError('invalid', `The folder has more than ${MAX_LISTED} entries: list its folders`)
      }
      cursor = page.cursor
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Up to a thousand files at any depth below a folder, in order. */
  async walk(key: string, cursor?: string): Promise<Page> {
    const prefix = this.#root + folder(key)
    const page = await asked(this.#bucket.list({ prefix, ...(cursor !== undefined && { cursor }) }))
    const objects = page.objects.map(({ key, uploaded }) => ({ key: key.slice(this.#root.length), uploaded }))
    return { objects, next: page.truncated ? page.cursor : undefined }
  }

  /** Deletes up to a thousand files. */
  async delete(keys: string[]): Promise<void> {
    if (keys.length > 0) await asked(this.#bucket.delete(keys.map((key) => this.#root + key)))
  }

  /** Deletes a file, or a folder with all that is in it. */
  async deleteAll(key: string): Promise<void> {
    let cursor: string | undefined
    do {
      const { objects, next } = await this.walk(key, cursor)
      await this.delete(objects.map(({ key }) => key))
      cursor = next
    } while (cursor !== undefined)
    await this.delete([key])
  }

  /**
   * Writes a file in constant memory, whatever its size. It is there when it is there whole: until then, and when the
   * upload is cut off or grows too large, what was there stays.
   *
   * @param length in bytes, where it is known
   */
  async put(key: string, body: ReadableStream<Uint8Array>, length: number | undefined): Promise<void> {
    if (length !== undefined) this.#checkSize(length, `has ${length} bytes`)
    if (length !== undefined && length <= MAX_PUT) await asked(this.#bucket.put(this.#root + key, body))
    else await this.#putParts(key, body)
  }

  async putBytes(key: string, bytes: Uint8Array): Promise<void> {
    this.#checkSize(bytes.byteLength)
    await asked(this.#bucket.put(this.#root + key, bytes))
  }

  async #putParts(key: string, body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader({ mode: 'byob' })
    const head = await asked(fill(reader, new Uint8Array(SMALL)))
    if (head.byteLength < SMALL) return this.putBytes(key, head)
    const part = new Uint8Array(PART)
    part.set(head)
    const rest = await asked(fill(reader, part.subarray(SMALL)))
    const first = new Uint8Array(rest.buffer, 0, SMALL + rest.byteLength)
    if (first.byteLength < PART) return this.putBytes(key, first)
    this.#checkSize(first.byteLength)
    const upload = await asked(this.#bucket.createMultipartUpload(this.#root + key))
    try {
      const parts = await uploadAll(upload, first, reader, (size) => this.#checkSize(size))
      await asked(upload.complete(parts))
    } catch (error) {
      // Its parts cost until R2 drops them by itself, after a week.
      await upload.abort().catch(() => {})
      throw error
    }
  }

  /**
   * Begins an upload whose parts the client sends one by one.
   *
   * @returns the id of the upload
   */
  async createUpload(key: string): Promise<string> {
    const mark = crypto.randomUUID()
    const upload = await asked(
      this.#bucket.createMultipartUpload(this.#root + key, { customMetadata: { upload: mark } }),
    )
    return `${mark}.${upload.uploadId}`
  }

  /** @throws TrackerError when a file of so many bytes is too large */
  #checkSize(bytes: number, size = 'has more'): void {
    if (bytes <= this.#maxBytes) return
    throw new TrackerError('too_large', `A file may have at most ${this.#maxBytes} bytes; this one ${size}`)
  }

  /**
   * Uploads one part; sent again, the later one counts. All before it have its size, or a larger one when it is the
   * last: with one that makes the file too large the upload ends, and what was sent of it goes.
   *
   * @param length in bytes
   */
  async putPart(
    key: string,
    id: string,
    partNumber: number,
    body: ReadableStream | Uint8Array,
    length: number,
  ): Promise<string> {
    const { uploadId } = readUploadId(id)
    try {
      this.#checkSize(partNumber * length)
    } catch (error) {
      await this.abortUpload(key, id)
      throw error
    }
    const upload = this.#bucket.resumeMultipartUpload(this.#root + key, uploadId)
    return (await asked(upload.uploadPart(partNumber, body))).etag
  }

  /** Makes the file of its parts. Done before, it is done: the mark on the file tells. */
  async completeUpload(key: string, id: string, parts: Part[]): Promise<void> {
    const { mark, uploadId } = readUploadId(id)
    try {
      await this.#bucket.resumeMultipartUpload(this.#root + key, uploadId).complete(parts)
    } catch (error) {
      const isDone =
        codeOf(error) === NO_SUCH_UPLOAD && (await this.head(key))?.customMetadata?.upload === mark
      if (!isDone) throw translated(error)
    }
  }

  /** Ends an upload without a file; one that has ended stays as it is. */
  async abortUpload(key: string, id: string): Promise<void> {
    try {
      await this.#bucket.resumeMultipartUpload(this.#root + key, readUploadId(id).uploadId).abort()
    } catch (error) {
      if (codeOf(error) !== NO_SUCH_UPLOAD) throw translated(error)
    }
  }
}

/** Uploads the first part and all that follows, while it comes; `check` hears how much it is by now. */
async function uploadAll(
  upload: R2MultipartUpload,
  first: Uint8Array<ArrayBuffer>,
  reader: ReadableStreamBYOBReader,
  check: (bytes: number) => void,
) {
  const parts: R2UploadedPart[] = []
  let size = first.byteLength
  let full = first
  let spare = new Uint8Array(PART)
  for (;;) {
    const [part, next] = await Promise.all([
      asked(upload.uploadPart(parts.length + 1, full)),
      full.byteLength < PART ? undefined : asked(fill(reader, spare)),
    ])
    parts.push(part)
    if (next === undefined || next.byteLength === 0) return parts
    size += next.byteLength
    check(size)
    // Its memory is free now.
    spare = new Uint8Array(full.buffer)
    full = next
  }
}

const folder = (key: string) => (key === '' ? '' : `${key}/`)

function readUploadId(id: string) {
  const [mark = '', uploadId = ''] = id.split('.')
  if (mark === '' || uploadId === '') throw noUpload()
  return { mark, uploadId }
}

const noUpload = () => new TrackerError('not_found', 'There is no such upload: it has ended, or never began')

/** The result of an operation of R2. */
async function asked<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation
  } catch (error) {
    throw translated(error)
  }
}

/** R2 tells its code at the end of the message alone. */
const codeOf = (error: unknown) =>
  Number(/\((\d+)\)$/.exec(error instanceof Error ? error.message : '')?.[1] ?? 0)

/** What a failure of R2 means to the caller. Whatever is not the caller's may pass. */
function translated(error: unknown): TrackerError {
  if (error instanceof TrackerError) return error
  const code = codeOf(error)
  if (code === NO_SUCH_UPLOAD) return noUpload()
  const fault = FAULTS[code]
  if (fault !== undefined) return new TrackerError('invalid', fault)
  return new TrackerError('unavailable', 'The store of artifacts is away; try again', [], { cause: error })
}
