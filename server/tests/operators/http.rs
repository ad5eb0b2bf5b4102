//! The admin server and the metrics.

use crate::client::{Client, PATIENCE};
use crate::process::{Scratch, Server, free_ports};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;
use zabra_client::CreateMode;

/// The answer to a request, head and body; asked until somebody is there.
fn ask(port: u16, method: &str, path: &str, more: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut text = String::new();
        let asked = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
            let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n");
            stream.write_all(head.as_bytes())?;
            stream.read_to_string(&mut text)
        });
        if asked.is_ok() && !text.is_empty() {
            return text;
        }
        assert!(Instant::now() < deadline, "nobody answers");
    }
}

#[test]
fn the_admin_server_answers_commands_in_json_and_lists_them() {
    let scratch = Scratch::new("admin");
    let ports = free_ports(2);
    let config = format!("admin.enableServer=true\nadmin.serverAddress=127.0.0.1\nadmin.serverPort={}\n", ports[1]);
    let server = Server::start(&scratch, "alone", ports[0], &config);
    let mut client = Client::connect(&[server.client]);
    client.create("/e", b"", CreateMode::Ephemeral);
    let get = |path: &str| ask(ports[1], "GET", path, "");
    assert!(get("/commands").contains("<a href=\"/commands/monitor\">monitor</a>\n<br/>\n"));
    let stats = get("/commands/srvr");
    assert!(stats.starts_with("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"), "{stats}");
    assert!(
        stats.contains("\"server_state\" : \"standalone\"") && stats.contains("\"command\" : \"server_stats\""),
        "{stats}"
    );
    assert!(get("/commands/connections").contains("\"last_operation\" : \"CREA\""));
    assert!(get("/commands/dump").contains(": [ \"/e\" ]"));
    assert!(get("/commands/monitor").contains("\"znode_count\" : 5"));
    assert!(get("/commands/nothing").contains("\"error\" : \"Unknown command: nothing\""));
    assert!(get("/commands/stmk?traceMask=8").contains("\"tracemask\" : 8"));
    assert_eq!(server.ask("gtmk"), "8");
    assert!(get("/else").starts_with("HTTP/1.1 404 "));
    assert!(get("/commands/snapshot").starts_with("HTTP/1.1 401 "));
    let named = ask(ports[1], "POST", "/commands/restore", "Authorization: digest a:b\r\n");
    assert!(named.starts_with("HTTP/1.1 501 "), "{named}");
}

#[test]
fn metrics_are_prometheus_text_under_apaches_names() {
    let scratch = Scratch::new("metrics");
    let ports = free_ports(2);
    let provider = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";
    let config = format!(
        "metricsProvider.className={provider}\nmetricsProvider.httpHost=127.0.0.1\nmetricsProvider.httpPort={}\n",
        ports[1]
    );
    let server = Server::start(&scratch, "alone", ports[0], &config);
    let mut client = Client::connect(&[server.client]);
    client.create("/a", b"", CreateMode::Persistent);
    let text = ask(ports[1], "GET", "/metrics", "");
    let lines = [
        "# TYPE znode_count gauge\nznode_count 5\n",
        "# TYPE proposal_count counter\nproposal_count 2\n",
        "\nproposal_count_total 2\n",
        "# TYPE updatelatency summary\nupdatelatency{quantile=\"0.5\"} ",
        "\nupdatelatency_count 2\n",
        "\nop_count_create 1\n",
        "\nop_count_total 2\n",
        "\nopen_file_descriptor_count ",
    ];
    for line in lines {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
    let samples = text.lines().filter(|line| line.starts_with("op_count_total ")).count();
    assert_eq!(samples, 1, "a name stands once");
}
