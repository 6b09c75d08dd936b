// net/upload.ts - a file to the server, with progress.  XMLHttpRequest, because fetch tells no upload progress.

export function upload(file: File, search: string, progress: (done: number, total: number) => void): Promise<number> {
  return new Promise((done, fail) => {
    const x = new XMLHttpRequest();
    const q = new URLSearchParams(search);
    q.set("name", file.name);
    x.open("POST", `/upload?${q}`);
    x.upload.onprogress = (e) => progress(e.loaded, e.total || file.size);
    x.onload = () => {
      let answer: { trace?: number; error?: { text?: string } | string } = {};
      try {
        answer = JSON.parse(x.responseText) as typeof answer;
      } catch {
        answer = { error: x.responseText };
      }
      if (x.status < 300 && typeof answer.trace === "number") done(answer.trace);
      else {
        const why = typeof answer.error === "string" ? answer.error : answer.error?.text;
        fail(new Error(why?.slice(0, 300) || `The server answered ${x.status}.`));
      }
    };
    x.onerror = () => fail(new Error("The upload broke off."));
    x.send(file);
  });
}
