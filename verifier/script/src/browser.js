// What a page's script finds in a browser beside the language: the names of the window, the page's address, URLs, a console.
// It is called once, before the script, with the page's URL and what the verifier lends: `parse` reads a URL, `asked` notes
// that the script asked for what only a browser knows, and `later` that it does something after its end. `shift` says by how
// much the time of the visit is later than now, and `random` is its chance.
(function (page, parse, asked, later, shift, random) {
  'use strict';
  const own = globalThis;
  const define = Object.defineProperty;
  const fromJson = JSON.parse;

  // https://html.spec.whatwg.org/multipage/nav-history-apis.html#the-window-object: those that are unforgeable, and the rest.
  for (const name of ['window', 'top']) {
    define(own, name, { value: own, enumerable: true });
  }
  for (const name of ['self', 'frames', 'parent']) {
    define(own, name, { value: own, configurable: true, enumerable: true, writable: true });
  }

  define(Math, 'random', { value: () => random(), configurable: true, writable: true });
  const Time = Date;
  const now = () => Time.now() + shift();
  const Moment = function Date(...given) {
    if (new.target === undefined) {
      return new Time(now()).toString();
    }
    return Reflect.construct(Time, given.length === 0 ? [now()] : given, new.target);
  };
  for (const [name, value] of [['prototype', Time.prototype], ['now', now], ['parse', Time.parse], ['UTC', Time.UTC]]) {
    define(Moment, name, { value });
  }
  define(Time.prototype, 'constructor', { value: Moment, configurable: true, writable: true });
  define(own, 'Date', { value: Moment, configurable: true, writable: true });

  const parts = ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];
  const address = fromJson(parse(page, undefined) ?? '{}');
  const location = {};
  for (const part of parts) {
    define(location, part, { enumerable: true, get: () => address[part], set: () => asked('location') });
  }
  for (const name of ['assign', 'replace', 'reload']) {
    define(location, name, { value: () => asked('location') });
  }
  define(location, 'toString', { value: () => address.href });
  define(own, 'location', { enumerable: true, get: () => location, set: () => asked('location') });
  define(own, 'document', { enumerable: true, get: () => asked('document') });

  class URL {
    #parts;
    constructor(text, base) {
      const read = parse(`${text}`, base === undefined ? undefined : `${base}`);
      if (read === undefined) {
        throw new TypeError('Invalid URL');
      }
      this.#parts = fromJson(read);
    }
    static canParse(text, base) {
      return parse(`${text}`, base === undefined ? undefined : `${base}`) !== undefined;
    }
    get searchParams() {
      return asked('URLSearchParams');
    }
    toString() {
      return this.#parts.href;
    }
    toJSON() {
      return this.#parts.href;
    }
    static part(url, name) {
      return url.#parts[name];
    }
  }
  const part = URL.part;
  delete URL.part;
  for (const name of parts) {
    define(URL.prototype, name, {
      configurable: true,
      enumerable: true,
      get() {
        return part(this, name);
      },
      set: () => asked('URL'),
    });
  }
  define(own, 'URL', { value: URL, configurable: true, writable: true });

  const console = {};
  for (const name of ['assert', 'clear', 'count', 'debug', 'dir', 'error', 'group', 'groupCollapsed', 'groupEnd', 'info', 'log', 'table', 'time', 'timeEnd', 'trace', 'warn']) {
    console[name] = () => {};
  }
  define(own, 'console', { value: console, configurable: true, writable: true });

  const timers = ['addEventListener', 'queueMicrotask', 'requestAnimationFrame', 'requestIdleCallback', 'setInterval', 'setTimeout'];
  for (const name of timers) {
    define(own, name, { value: () => later(name), configurable: true, enumerable: true, writable: true });
  }
  for (const name of ['cancelAnimationFrame', 'clearInterval', 'clearTimeout', 'removeEventListener']) {
    define(own, name, { value: () => {}, configurable: true, enumerable: true, writable: true });
  }

  const hosts = `AbortController Audio Blob BroadcastChannel CSS CustomElementRegistry CustomEvent DOMParser Document Element
    Event EventSource EventTarget File FileReader FormData HTMLElement Headers Image Intl IntersectionObserver MessageChannel
    MutationObserver Node Notification Option Request Response ResizeObserver SharedWorker Storage TextDecoder TextEncoder
    URLSearchParams WebAssembly WebSocket Window Worker XMLHttpRequest alert atob btoa caches close closed confirm cookieStore
    crypto customElements devicePixelRatio dispatchEvent event external fetch focus frameElement getComputedStyle
    getSelection history indexedDB innerHeight innerWidth isSecureContext length localStorage matchMedia name navigation
    navigator open opener origin outerHeight outerWidth pageXOffset pageYOffset performance postMessage print prompt
    screen screenX screenY scroll scrollTo scrollX scrollY sessionStorage speechSynthesis status stop structuredClone
    trustedTypes visualViewport`;
  for (const name of hosts.split(/\s+/)) {
    define(own, name, {
      configurable: true,
      enumerable: true,
      get: () => asked(name),
      set: (value) => define(own, name, { value, configurable: true, enumerable: true, writable: true }),
    });
  }
});
