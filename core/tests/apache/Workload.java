import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;

/** Writes one of every kind of transaction to a server: `Workload ADDRESS LIFE`. */
public class Workload {
    public static void main(String[] args) throws Exception {
        String life = "/" + args[1];
        CountDownLatch up = new CountDownLatch(1);
        ZooKeeper zk = new ZooKeeper(args[0], 30000, e -> {
            if (e.getState() == Watcher.Event.KeeperState.SyncConnected) up.countDown();
        });
        up.await();
        zk.create(life, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create(life + "/empty", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create(life + "/data", "one".getBytes(), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.setData(life + "/data", "two".getBytes(), 0);
        zk.setData(life + "/data", "three".getBytes(), -1);
        for (int i = 0; i < 3; i++) {
            zk.create(life + "/seq-", ("" + i).getBytes(), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL);
        }
        zk.create(life + "/gone", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.delete(life + "/gone", -1);
        List<ACL> acl = Arrays.asList(
            new ACL(Perms.READ, Ids.ANYONE_ID_UNSAFE),
            new ACL(Perms.ALL, new Id("digest", "user:tl+z3z0vO6PfPfEENfLF96E6pM0=")));
        zk.create(life + "/guarded", "secret".getBytes(), acl, CreateMode.PERSISTENT);
        zk.create(life + "/opened", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.setACL(life + "/opened", Ids.READ_ACL_UNSAFE, 0);
        zk.create(life + "/box", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER);
        zk.create(life + "/box/inside", new byte[600], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        try {
            zk.delete(life + "/data", 77);
        } catch (KeeperException.BadVersionException expected) {
            System.out.println("failed write logged");
        }
        zk.multi(Arrays.asList(
            Op.create(life + "/multi", "m".getBytes(), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
            Op.check(life + "/data", 2),
            Op.setData(life + "/data", "four".getBytes(), 2),
            Op.delete(life + "/empty", -1)));
        try {
            zk.multi(Arrays.asList(
                Op.create(life + "/never", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
                Op.delete(life + "/absent", -1)));
        } catch (KeeperException.NoNodeException expected) {
            System.out.println("failed multi logged");
        }
        // One session that ends, and takes its ephemeral along.
        CountDownLatch second = new CountDownLatch(1);
        ZooKeeper short_ = new ZooKeeper(args[0], 20000, e -> {
            if (e.getState() == Watcher.Event.KeeperState.SyncConnected) second.countDown();
        });
        second.await();
        short_.create(life + "/fleeting", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        short_.close();
        // And one whose ephemeral is there when the server is killed.
        zk.create(life + "/held", "here".getBytes(), Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL);
        System.out.println("done");
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }
}
