# SPDX-License-Identifier: MIT
"""A real browser for tests: headless Chromium by the W3C's WebDriver protocol, over chromedriver of Debian's package.

    from browser import Browser
    with Browser(folder) as b:
        b.go('http://127.0.0.1:11434/')
        b.wait("return document.title == 'slullamafs'")
"""
import base64
import json
import subprocess
import time
import urllib.error
import urllib.request

ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'  # the protocol's word for an element's id


class Browser:
    def __init__(self, folder, dark=False):
        # The folder is the home of all that a browser keeps.
        arguments = ['--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-proxy-server',
                     f'--user-data-dir={folder}/profile']
        if dark:
            arguments.append('--blink-settings=preferredColorScheme=0')
        # It chooses its port itself and says which.
        self.driver = subprocess.Popen(['chromedriver', '--port=0'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.driver.stdout:
            if 'started successfully on port' in line:
                self.url = f'http://127.0.0.1:{int(line.strip().rstrip(".").split()[-1])}'
                break
        options = {'args': arguments, 'binary': '/usr/bin/chromium'}
        capabilities = {'alwaysMatch': {'browserName': 'chrome', 'goog:chromeOptions': options, 'goog:loggingPrefs': {'browser': 'ALL'}}}
        session = self.call('POST', '/session', {'capabilities': capabilities})
        self.url += '/session/' + session['sessionId']

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call('DELETE', '')
        finally:
            self.driver.terminate()
            self.driver.wait()

    def call(self, method, path, body=None):
        data = None if method == 'GET' else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.url + path, data, {'Content-Type': 'application/json'}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)['value']
        except urllib.error.HTTPError as e:
            raise RuntimeError(json.load(e)['value']['message']) from None

    def go(self, url):
        self.call('POST', '/url', {'url': url})

    def run(self, script, *arguments):
        return self.call('POST', '/execute/sync', {'script': script, 'args': list(arguments)})

    def wait(self, script, *arguments, seconds=60):
        """Until the script returns something true, which is the result."""
        end = time.monotonic() + seconds
        while True:
            value = self.run(script, *arguments)
            if value or time.monotonic() > end:
                return value
            time.sleep(0.1)

    def keys(self, text):
        """Type into whatever has the focus, as a person without a mouse does."""
        typed = [{'type': t, 'value': c} for c in text for t in ('keyDown', 'keyUp')]
        self.call('POST', '/actions', {'actions': [{'type': 'key', 'id': 'keyboard', 'actions': typed}]})

    def size(self, width, height):
        self.call('POST', '/window/rect', {'width': width, 'height': height})

    def screenshot(self, path):
        with open(path, 'wb') as f:
            f.write(base64.b64decode(self.call('GET', '/screenshot')))

    def complaints(self):
        """What the console has: errors of the script, and what the Content-Security-Policy has stopped."""
        return [e['message'] for e in self.call('POST', '/se/log', {'type': 'browser'}) if e['level'] == 'SEVERE']
