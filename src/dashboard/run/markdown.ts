/** Markdown made safe. Loaded where there is some to show: with it come marked and DOMPurify. */
import DOMPurify from 'dompurify'
import { Marked } from 'marked'

const TAGS =
  'a abbr b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre s samp small span strong sub summary sup table tbody td th thead tr u ul'.split(
    ' ',
  )
const ATTRIBUTES = ['href', 'src', 'alt', 'title', 'start', 'colspan', 'rowspan', 'open', 'align']

/** Raw HTML that stays: bare tags. What else there is of it is shown as the text that it is. */
const NOT_BARE = /<(?!\/?(?:br|details|summary|sub|sup|kbd|b|i|em|strong|u|s|ins|del|mark|small|hr)\s*\/?>)/gi

const marked = new Marked({
  gfm: true,
  async: false,
  renderer: {
    // The browser complains of handlers and styles even where they are about to be taken away.
    html: ({ text }) => text.replace(/<!--.*?-->/gs, '').replace(NOT_BARE, '&lt;'),
  },
})

/** The address of an image that a relative one in the text means; undefined where it means none. */
export type Resolve = (address: string) => string | undefined

/**
 * HTML of a Markdown text that a page can hold: no script, no style, no form; images of this origin alone, so that
 * nobody learns who reads it; links that tell the other site nothing and give it no hold on this one.
 */
export function safeHtml(text: string, resolve: Resolve): string {
  const purify = DOMPurify(window)
  purify.addHook('afterSanitizeAttributes', (element) => {
    if (element.tagName === 'A') mendLink(element)
    if (element.tagName === 'IMG') mendImage(element, resolve)
    // An image that was replaced leaves these on nothing else.
    else element.removeAttribute('src')
  })
  return purify.sanitize(marked.parse(text) as string, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  })
}

function mendLink(link: Element) {
  const href = link.getAttribute('href')
  if (href === null) return
  const url = URL.parse(href, location.origin)
  if (!url || !['http:', 'https:', 'mailto:'].includes(url.protocol)) {
    link.removeAttribute('href')
    return
  }
  link.setAttribute('rel', 'noopener noreferrer nofollow')
  if (url.origin !== location.origin) link.setAttribute('target', '_blank')
}

function mendImage(image: Element, resolve: Resolve) {
  const src = image.getAttribute('src') ?? ''
  if (/^data:image\//i.test(src)) return
  const own = resolve(src)
  if (own !== undefined) {
    image.setAttribute('src', own)
    image.setAttribute('loading', 'lazy')
    return
  }
  // Its words stay, and lead to it.
  const words = document.createElement('a')
  words.textContent = image.getAttribute('alt') || src
  if (/^https?:/i.test(src)) words.setAttribute('href', src)
  mendLink(words)
  image.replaceWith(words)
}
