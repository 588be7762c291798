// Sending files in pieces (tus): several at once, each going on where it stopped, with pause and the rate of it all.
class PiecedUpload {
  static PIECE_BYTES = 16 * 1024 * 1024;
  static AT_ONCE = 3;
  static RETRY_AFTER_MS = [0, 1000, 3000, 5000, 10000, 20000, 30000];
  static RATE_OVER_MS = 8000;

  constructor(files, { begin, token, onProgress }) {
    this.files = files;
    this.begin = begin;
    this.token = token;
    this.onProgress = onProgress;
    this.total = files.reduce((sum, { file }) => sum + file.size, 0);
    this.sent = files.map(() => 0);
    this.running = new Map();
    this.paused = false;
    this.marks = [];
  }

  async open() {
    const listed = this.files.map(({ file, path }) => ({ name: path, size: file.size, modified: file.lastModified }));
    const answer = await this.ask(this.begin, JSON.stringify(listed), "application/json");
    this.opened = await answer.json();
    if (!answer.ok) throw new Error(this.opened.error);
    this.opened.files.forEach(({ received }, place) => { this.sent[place] = received; });
    this.waiting = this.files.map((_, place) => place).filter((place) => this.sent[place] < this.files[place].file.size);
    this.resumed = this.done > 0;
  }

  ask(url, body, type) {
    const headers = { "X-CSRFToken": this.token, ...(type && { "Content-Type": type }) };
    return fetch(url, { method: "POST", body, headers, redirect: "error" });
  }

  get done() {
    return this.sent.reduce((sum, bytes) => sum + bytes, 0);
  }

  get whole() {
    return this.sent.filter((bytes, place) => bytes >= this.files[place].file.size).length;
  }

  // Bytes a second over the last moments; none before there is something to judge by.
  get rate() {
    const [first, last] = [this.marks[0], this.marks[this.marks.length - 1]];
    return first && last.at - first.at > 500 ? (1000 * (last.done - first.done)) / (last.at - first.at) : null;
  }

  tell() {
    const now = performance.now();
    this.marks.push({ at: now, done: this.done });
    while (this.marks[0].at < now - PiecedUpload.RATE_OVER_MS) this.marks.shift();
    this.onProgress(this);
  }

  // Resolves when every file is there.
  send() {
    this.tell();
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.fill();
    });
  }

  fill() {
    if (this.paused) return;
    while (this.running.size < PiecedUpload.AT_ONCE && this.waiting.length) this.start(this.waiting.shift());
    if (!this.running.size && !this.waiting.length) this.settle.resolve();
  }

  start(place) {
    const upload = new tus.Upload(this.files[place].file, {
      uploadUrl: this.opened.files[place].url,
      chunkSize: PiecedUpload.PIECE_BYTES,
      retryDelays: PiecedUpload.RETRY_AFTER_MS,
      headers: { "X-CSRFToken": this.token },
      storeFingerprintForResuming: false,
      onProgress: (sent) => { this.sent[place] = sent; this.tell(); },
      onSuccess: () => {
        this.sent[place] = this.files[place].file.size;
        this.running.delete(place);
        this.tell();
        this.fill();
      },
      onError: (error) => { this.stop(); this.settle.reject(error); },
    });
    this.running.set(place, upload);
    upload.start();
  }

  stop() {
    for (const [place, upload] of this.running) { upload.abort(); this.waiting.unshift(place); }
    this.running.clear();
    this.marks = [];
  }

  pause() {
    this.paused = true;
    this.stop();
    this.tell();
  }

  resume() {
    this.paused = false;
    this.fill();
  }
}
