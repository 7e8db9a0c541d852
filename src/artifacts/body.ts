/** The bodies of uploads, which are never held whole unless they are small. */

/** How many bytes a body says that it has; undefined where it comes in chunks. */
export function knownLength(request: Request): number | undefined {
  const length = request.headers.get('Content-Length')
  return length === null || request.headers.has('Transfer-Encoding') ? undefined : Number(length)
}

/** The body of a request, also where there is none. */
export const bodyOf = (request: Request): ReadableStream<Uint8Array> => request.body ?? new Blob([]).stream()

/**
 * Reads until a buffer is full or the body has ended; the buffer is used up by it.
 *
 * @returns as much of the buffer as there is
 * @throws Error when the body was cut off
 */
export async function fill(
  reader: ReadableStreamBYOBReader,
  buffer: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { value } = await reader.readAtLeast(buffer.byteLength, buffer)
  return value ?? new Uint8Array()
}
